from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from twospeed.cli.app import main
from twospeed.cli.terminator import app
from twospeed.core.errors import DataError
from twospeed.core.npz import read_arrays
from twospeed.terminator.block_config import PAPER_BRANCHES
from twospeed.terminator.network import Terminator
from twospeed.terminator.parity.archive import network_of, parameter_name
from twospeed.terminator.parity.compare import compare_archive, relative_error

FIXTURES = Path(__file__).parents[1] / "fixtures"


def altered(path, tmp_path, **changes):
    arrays = dict(np.load(path))
    for name, change in changes.items():
        name = name.replace("__", "/")
        if change is None:
            del arrays[name]
        else:
            arrays[name] = change(arrays[name]) if callable(change) else change
    np.savez(tmp_path / "altered.npz", **arrays)
    return tmp_path / "altered.npz"


def test_every_array_of_the_archive_is_met(archive_path):
    report = compare_archive(archive_path)
    assert not report.failures
    names = set(report.errors)
    arrays = np.load(archive_path)
    held = {n for n in arrays.files if n.startswith(("trace/", "output/", "grad/", "coords/"))}
    assert held == names
    assert max(report.errors.values()) < 1e-12


def test_the_command_says_so(archive_path):
    result = CliRunner().invoke(app, ["parity", str(archive_path)])
    assert result.exit_code == 0
    assert "113 arrays compared, 0 beyond 1e-09" in result.output


@pytest.mark.parametrize(
    "name", ["trace__block2__K", "output__logits", "grad__block3__local_k5__A_1"]
)
def test_a_wrong_number_is_found(archive_path, tmp_path, name):
    path = altered(archive_path, tmp_path, **{name: lambda values: values * (1 + 1e-8)})
    assert list(compare_archive(path).failures) == [name.replace("__", "/")]
    result = CliRunner().invoke(app, ["parity", str(path)])
    assert result.exit_code == 1


SLOW = ("output__slow_pairs", "output__slow_b_terms", "output__slow_c_terms")


def test_the_archive_says_the_order_of_its_pairs(archive_path, tmp_path):
    path = altered(archive_path, tmp_path, **dict.fromkeys(SLOW, lambda rows: rows[[2, 0, 1]]))
    assert not compare_archive(path).failures
    path = altered(path, tmp_path, output__slow_pairs=lambda rows: rows[:, ::-1])
    assert not compare_archive(path).failures


def test_terms_of_another_order_than_the_archive_says_are_found(archive_path, tmp_path):
    for changes in (
        {name: lambda rows: rows[[2, 0, 1]] for name in SLOW[1:]},
        {**{name: lambda rows: rows[[2, 0, 1]] for name in SLOW[1:]}, SLOW[0]: None},
    ):
        path = altered(archive_path, tmp_path, **changes)
        assert list(compare_archive(path).failures) == [
            "output/slow_b_terms",
            "output/slow_c_terms",
        ]


@pytest.mark.parametrize(
    "pairs", [[(1, 2), (1, 2), (2, 3)], [(1, 2), (1, 3), (2, 4)], [(1, 2), (1, 3)]]
)
def test_pairs_that_are_not_all_pairs_are_found(archive_path, tmp_path, pairs):
    path = altered(archive_path, tmp_path, output__slow_pairs=np.array(pairs))
    assert list(compare_archive(path).failures) == ["output/slow_pairs"]


def test_a_number_that_is_not_finite_is_found(archive_path, tmp_path):
    path = altered(archive_path, tmp_path, output__ce=np.array(np.nan))
    assert list(compare_archive(path).failures) == ["output/ce"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block1__mixer__W": None}, "lacks 1 weights"),
        ({"block1__mixer__W": np.zeros((2, 2))}, "should have shape"),
        ({"config__lambda": None}, "no array called config/lambda"),
        ({"config__channels": np.array([3, 12, 36, 71])}, "but config/lambda gives"),
        ({"trace__block1__other": np.zeros(3)}, "that the network does not give"),
        ({"block1__extra__W": np.zeros(3)}, "no place for"),
        ({"config__h": np.ones(4)}, "config/h should hold 5 numbers, got 4"),
        ({"config__e1_from_block": np.zeros(2)}, "e1_from_block should hold 3 numbers, got 2"),
        ({"config__channels": np.full(4, 0.5)}, "should hold whole numbers"),
        ({"input__labels": np.array(["one", "two"])}, "should hold real numbers, but holds <U3"),
        ({"input__labels": np.zeros(2)}, "input/labels should hold 4 numbers, got 2"),
        ({"input__labels": np.full(4, 10)}, "labels must be 0 to 9, got 10"),
        ({"input__x": np.full((4, 3, 8, 8), np.nan)}, "numbers that are not finite"),
        ({"output__slow_pairs": np.full((3, 2), np.nan)}, "should hold whole numbers"),
        ({"coords__8": np.zeros(7)}, "coords/8 should be an axis"),
        ({"coords__x": np.zeros(7)}, "coords/x should be an axis"),
        ({"grad__nothing": np.zeros(3)}, "gradient of nothing"),
    ],
)
def test_an_archive_that_is_no_network_is_refused(archive_path, tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        compare_archive(altered(archive_path, tmp_path, **changes))


@pytest.mark.parametrize("option", ["--tolerance=nan", "--tolerance=-1", "--worst=-3"])
def test_options_that_cannot_be_are_one_line(archive_path, option, capsys):
    assert main(["terminator", "parity", str(archive_path), option]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_files_that_are_no_archives_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("text.npz", "missing.npz"):
        with pytest.raises(DataError, match=r"npz archive|cannot read"):
            compare_archive(tmp_path / name)


def archive_of(network, generator, *, paper=False):
    """Write a network of ours in the archive's naming, by turning its name table round."""
    config = network.config
    block = config.block
    arrays = {
        "config/channels": np.array(config.widths),
        "config/lambda": np.array(config.expansions),
        "config/L_global": np.array(config.layers_global),
        "config/e1_from_block": np.array([first for first, _ in config.earlier]),
        "config/e2_from_block": np.array([second for _, second in config.earlier]),
        "config/h": np.array(
            [
                block.width_global,
                block.width_local,
                block.width_hci,
                block.width_hi_channel,
                block.width_hi_spatial,
            ]
        ),
    }
    state = network.state_dict()
    template = np.load(FIXTURES / "terminator_8x8.npz").files
    leaves = {name.partition("/")[2] for name in template if name.startswith("block")}
    leaves |= {f"global_slow/{kind}_3" for kind in ("omega", "psi", "A", "a")}
    names = [f"block{i + 1}/{leaf}" for i in range(len(network.blocks)) for leaf in leaves]
    for name in [*names, "head/W", "head/b"]:
        ours = parameter_name(name, {"block1/local_k3/W": 0} if not paper else {})
        if ours in state:
            arrays[name] = state[ours].numpy()
    x = torch.randn(2, config.channels, *config.sizes, generator=generator)
    arrays["input/x"] = x.numpy()
    arrays["input/labels"] = np.array([0, 3])
    return arrays


@pytest.mark.parametrize("paper", [False, True])
def test_other_widths_depths_and_wirings_are_rebuilt(
    generator, tmp_path, paper, small_config, awaken
):
    config = replace(
        small_config((6, 6), published=True, num_classes=4),
        expansions=(4, 3, 2, 1, 1),
        earlier=((0, 0), (0, 0), (1, 0), (2, 0), (3, 2)),
        layers_global=(3, 2, 2, 3, 2),
        dropout=(0.0,) * 5,
    )
    if paper:
        block = replace(config.block, branches=PAPER_BRANCHES)
        config = replace(config, block=block, earlier=((0, 0),) * 5)
    network = awaken(Terminator(config, generator=generator)).eval()
    arrays = archive_of(network, generator, paper=paper)
    double = network.double()
    arrays["output/logits"] = double(torch.from_numpy(arrays["input/x"]).double()).detach().numpy()
    np.savez(tmp_path / "five.npz", **arrays)
    report = compare_archive(tmp_path / "five.npz")
    assert list(report.errors) == ["output/logits"]
    assert report.errors["output/logits"] == 0


def test_the_archive_in_single_precision_is_near(archive_path):
    arrays = read_arrays(archive_path)
    network = network_of(arrays).float()
    logits = network(torch.from_numpy(arrays["input/x"]))
    assert relative_error(logits, arrays["output/logits"]) < 1e-3
