"""Settings of a fit that cannot be are one line each, before anything is made of their size."""

from dataclasses import replace

import pytest
import torch

from twospeed.core import capacity
from twospeed.core.config import override
from twospeed.core.errors import TwospeedError
from twospeed.terminator.benchmarks.speed import BenchConfig
from twospeed.terminator.block_config import BlockConfig
from twospeed.terminator.datasets.built_in import load_examples
from twospeed.terminator.datasets.examples import Examples, ExampleSet
from twospeed.terminator.fit.build import build_network
from twospeed.terminator.fit.load import open_fit
from twospeed.terminator.fit.loop import fit_examples
from twospeed.terminator.fit.recipes import recipe_of
from twospeed.terminator.network import Terminator, TerminatorConfig
from twospeed.terminator.parity.compare import compare_archive

WRONG = [
    *(f"batch_size={value}" for value in ("0", "-4", "1000000000", "1.5", "null", "[]", "true")),
    *(f"epochs={value}" for value in ("0", "-1", "10000000000", "NaN")),
    *(f"learning_rate={value}" for value in ("NaN", "0", "-1", "Infinity", "1e10", "fast")),
    *(f"weight_decay={value}" for value in ("NaN", "-1", "Infinity")),
    *(f"betas={value}" for value in ("[0.5]", "[0.5, 1]", "[NaN, 0.5]", "0.5", "[]")),
    *(f"{name}=NaN" for name in ("label_smoothing", "slow_weight", "norm_weight", "max_grad_norm")),
    *(f"validation_share={value}" for value in ("0", "1", "NaN", "-0.1")),
    *(f"seed={value}" for value in ("-1", "1.5", "9" * 30)),
    "warmup_epochs=-1", "permutation_seed=-1", "layout=cube", "optimizer=sgd", "compile=1",
    *(f"network.widths={value}" for value in ("[]", "[0]", "[-12]", "[1000000]", "[12.5]", "12")),
    *(f"network.dropout={value}" for value in ("1", "-0.1", "NaN")),
    *(f"network.earlier={value}" for value in ("[]", "[[0]]", "[[0, 5]]", "[[-1, 0]]", "[1, 2]")),
    *(f"network.parameters={value}" for value in ("-1", "10000000000000")),
    *(f"network.block.width_global={value}" for value in ("0", "-1", "1000000", "null")),
    *(f"network.block.layers={value}" for value in ("0", "100000000")),
    *(f"network.block.groups={value}" for value in ("0", "-12", "7", "10000000")),
    *(f"network.block.omega0={value}" for value in ("NaN", "-1", "1e300")),
    *(f"network.block.mixing={value}" for value in ("[NaN, 1]", "[1]", "[0, 0]")),
    *(
        f'network.block.branches=["{name}"]'
        for name in ("local-999999999-x-x", "local-\u00b2-x-x", "local-4-x-x", "local-5-x", "p", "")
    ),
    "network.block.branches=[]", 'network.block.branches=["o", "o"]', "network=null", "other=1",
    "network.block=null", "network.learner=perceptron",
]  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    return load_examples("digits")


@pytest.mark.parametrize("setting", WRONG)
def test_a_setting_that_cannot_be_is_one_line(setting, digits):
    with pytest.raises(TwospeedError) as caught:
        build_network(override(recipe_of("tiny"), setting), digits)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def pictures(height, width):
    images = torch.zeros(24, 1, height, width, dtype=torch.uint8)
    examples = Examples(images=images, labels=torch.arange(24) % 2)
    return ExampleSet(name="flat", train=examples, test=examples, classes=("a", "b"))


@pytest.mark.parametrize("learner", ["vit", "longconv", "resnet"])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (4, 6), (9, 5)])
def test_pictures_of_every_size_are_learned(learner, size, tmp_path):
    config = override(recipe_of("tiny"), f"network.learner={learner}")
    assert fit_examples(config, pictures(*size), tmp_path / "fit", quiet=True).parameters > 0


@pytest.mark.parametrize(
    ("network", "size", "message"),
    [
        ("learner=terminator", (1, 7), "too few for a local kernel"),
        ("parameters=100 learner=resnet", (4, 6), "resnet cannot be as small"),
        ("learner=convnext", (1, 1), "convnext needs pictures of 2x2 or more, got 1x1"),
        ("learner=convnext", (9, 3), "convnext needs pictures of 4x4 or more, got 9x3"),
    ],
)
def test_pictures_too_small_for_a_network_are_one_line(network, size, message, tmp_path):
    config = override(recipe_of("tiny"), *(f"network.{it}" for it in network.split()))
    with pytest.raises(TwospeedError, match=message):
        fit_examples(config, pictures(*size), tmp_path / "fit", quiet=True)


@pytest.mark.parametrize("size", [(1, 7), (4, 6)])
def test_crops_of_pictures_that_are_too_small_are_one_line(size, tmp_path):
    config = override(recipe_of("tiny"), "augmentation=crop")
    with pytest.raises(TwospeedError, match=r"augmentation=crop needs pictures of 5x5 or more"):
        fit_examples(config, pictures(*size), tmp_path / "fit", quiet=True)


@pytest.mark.parametrize(
    "setting", ["network.widths=[16384]", "network.block.width_global=16384", "batch_size=8192"]
)
def test_what_the_memory_cannot_hold_is_one_line_before_it_is_taken(setting, digits, monkeypatch):
    monkeypatch.setattr(capacity, "total_memory", lambda: 2**20)
    config = replace(recipe_of("tiny"), batch_size=1)
    build_network(config, digits)
    with pytest.raises(TwospeedError, match=r"training this network .* takes at least"):
        build_network(override(config, setting, "network.block.groups=4"), digits)


@pytest.mark.parametrize(
    "settings",
    [
        {"channels": 0}, {"channels": 10**9}, {"sizes": ()}, {"sizes": (0,)}, {"sizes": (2,) * 4},
        {"sizes": (2**60,)}, {"num_classes": -1}, {"num_classes": 10**12}, {"channels": "3"},
        {"expansions": (0,) * 5}, {"expansions": (4, 3, 200, 200, 200)}, {"dropout": (2.0,) * 5},
        {"layers_global": (0,) * 5}, {"earlier": 3}, {"block": None},
    ],
)  # fmt: skip
def test_a_network_that_cannot_be_is_one_line(settings):
    with pytest.raises(TwospeedError) as caught, torch.device("meta"):
        Terminator(TerminatorConfig(**settings))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings", [{"batch": 0}, {"threads": 10**9}, {"repeats": -1}, {"matmul_side": 10**6}]
)
def test_a_bench_that_cannot_be_is_one_line(settings):
    with pytest.raises(TwospeedError, match=next(iter(settings))):
        BenchConfig(**settings)


def test_whole_numbers_and_lists_stand_in_for_floats_and_tuples():
    config = BlockConfig(omega0=10, mixing=[1, 0], branches=["o", "f"])
    assert config == BlockConfig(omega0=10.0, mixing=(1.0, 0.0), branches=("o", "f"))
    assert hash(config) == hash(BlockConfig(omega0=10.0, mixing=(1.0, 0.0), branches=("o", "f")))


def test_names_of_folders_and_files_may_be_texts(digits, tmp_path, archive_path):
    config = recipe_of("tiny")
    fit_examples(config, digits, str(tmp_path / "fit"), quiet=True)
    assert open_fit(str(tmp_path / "fit"), digits).config == config
    assert not compare_archive(str(archive_path)).failures
    with pytest.raises(TwospeedError, match="does not exist"):
        load_examples(tmp_path / "none")
