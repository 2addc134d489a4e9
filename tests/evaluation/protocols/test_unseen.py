import json

import numpy as np
import pytest

from twospeed.cli.app import main
from twospeed.core.errors import ConfigError
from twospeed.evaluation.metrics.frechet import Cloud
from twospeed.evaluation.protocols.unseen import ARMS, UnseenConfig, measure_unseen, over_truth
from twospeed.evaluation.yardstick.features import network_folder, network_hash
from twospeed.worlds.registry import WORLDS, is_installed


def needs(world):
    about = WORLDS[world].about
    return pytest.mark.skipif(not is_installed(about), reason=f"needs {about.engine}")


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    model.save_pretrained(folder)
    return folder


def reported(folder, *options):
    file = folder.parent / "report.json"
    assert main(["recall", str(folder), *options, "--first-seed=500", f"--json={file}"]) == 0
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def report(folder):
    return reported(folder, "--unseen=4")


def test_the_report_has_the_fixed_interface(report):
    assert report["routes"] == {}
    assert set(report["unseen"]) == {"1", "2", "4", "8"}
    for row in report["unseen"].values():
        assert set(row) == {*ARMS, "over_truth"}
        assert row["over_truth"]["mean"] == pytest.approx(row["model"] - row["truth"], abs=1e-4)
        assert row["over_truth"]["n"] == 4
    config = report["provenance"]["config"]
    assert (config["unseen_episodes"], config["first_seed"]) == (4, 500)
    assert report["provenance"]["clip_network"] == network_hash()


def test_no_result_depends_on_companions(model):
    one, other = (
        measure_unseen(model, UnseenConfig(episodes=3, first_seed=500, batch_size=size))
        for size in (1, 3)
    )
    assert one["1"]["model"] == pytest.approx(other["1"]["model"], rel=1e-3)


def test_few_episodes_are_warned_of(model, caplog):
    measure_unseen(model, UnseenConfig(episodes=2, first_seed=500))
    assert "2 episodes are few" in caplog.text


@pytest.mark.parametrize(
    ("world", "warned"),
    [
        ("rooms", False),
        pytest.param("doom", False, marks=needs("doom")),
        pytest.param("crafter", True, marks=needs("crafter")),
    ],
)
def test_worlds_that_no_network_saw_are_warned_of(model, caplog, world, warned):
    measure_unseen(model, UnseenConfig(episodes=2, first_seed=500, world=world))
    assert (f"in {world} distances say little" in caplog.text) is warned


@needs("doom")
def test_each_world_is_judged_by_its_own_network(folder):
    told = reported(folder, "--unseen=2", "--world=doom", "--routes=")["provenance"]
    assert told["clip_network"] == network_hash(network_folder("doom")) != network_hash()


def test_the_interval_is_of_the_difference():
    generator = np.random.default_rng(0)
    truth, reference = generator.normal(size=(2, 64, 4, 3))
    found = over_truth(truth + 2, truth, Cloud.of(reference.reshape(-1, 3)), seed=0)
    assert found.low < found.mean < found.high
    assert found.mean == pytest.approx(12, rel=0.2)


def test_settings_that_cannot_work_get_one_line():
    with pytest.raises(ConfigError, match="episodes"):
        UnseenConfig(episodes=1, first_seed=0)
