import json
from dataclasses import replace

import pytest
import torch

from twospeed.cli.app import main
from twospeed.core.errors import ConfigError, DataError
from twospeed.planning.hand.learning import MODEL, HandConfig, train_hand
from twospeed.planning.hand.reader import HandReader
from twospeed.training.loop_config import LoopConfig

LOOP = LoopConfig(steps=4, learning_rate=1e-3, warmup_steps=1, checkpoint_minutes=0)
QUICK = HandConfig(batch_size=2, span=8, loop=LOOP)


def weights(run):
    return HandReader.load(run / MODEL).network.state_dict()


def test_a_reader_is_trained_on_one_block_and_two_and_measured(recorded_arm, tmp_path):
    report = train_hand(QUICK, recorded_arm, tmp_path / "run")
    held = report["held_out"]
    assert (held["episodes"], held["frames"], held["against"]) == (4, 52, "truth")
    assert held["error_m_90"] > 0
    assert 0 <= held["closed_accuracy"] <= 1
    assert (report["episodes"], report["steps"]) == (28, 4)
    assert json.loads((tmp_path / "run" / "report.json").read_text()) == report
    reader = HandReader.load(tmp_path / "run" / MODEL)
    assert reader.world == "fetch"
    card = (tmp_path / "run" / MODEL / "README.md").read_text()
    for words in ("`fetch2`", "4 steps", "closed or open, right", "seeds 0 to 15"):
        assert words in card


def test_what_was_stopped_goes_on_as_if_it_never_was(recorded_arm, tmp_path):
    one = recorded_arm[0]
    train_hand(QUICK, one, tmp_path / "whole")
    train_hand(QUICK, one, tmp_path / "parts", minutes=1e-9)
    reached = json.loads((tmp_path / "parts" / "report.json").read_text())["steps"]
    assert reached < 4
    train_hand(QUICK, one, tmp_path / "parts")
    for name, tensor in weights(tmp_path / "whole").items():
        assert torch.equal(weights(tmp_path / "parts")[name], tensor)


def test_another_run_is_refused(recorded_arm, tmp_path):
    train_hand(QUICK, recorded_arm[0], tmp_path / "run")
    with pytest.raises(DataError, match=r"another run \(data differ"):
        train_hand(QUICK, recorded_arm, tmp_path / "run")
    with pytest.raises(DataError, match=r"another run \(config.span differ"):
        train_hand(replace(QUICK, span=9), recorded_arm[0], tmp_path / "run")


def test_a_reader_begins_with_another(recorded_arm, tmp_path):
    first = HandReader.load(train_to(recorded_arm, tmp_path / "first"))
    still = replace(QUICK, loop=replace(LOOP, learning_rate=1e-12, weight_decay=0.0))
    report = train_hand(still, recorded_arm[0], tmp_path / "second", initial=first)
    for name, tensor in first.network.state_dict().items():
        assert torch.allclose(weights(tmp_path / "second")[name], tensor, atol=1e-6)
    assert report["began_from"]


def train_to(data, out):
    train_hand(QUICK, data, out)
    return out / MODEL


def test_bad_settings_are_one_line():
    with pytest.raises(ConfigError, match="span must be 1 or more, got 0"):
        HandConfig(span=0)


def test_data_without_a_hand_leave_nothing_behind(shards, tmp_path):
    with pytest.raises(DataError, match="no episode of rooms has commands of a hand"):
        train_hand(QUICK, shards, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_command_trains_and_says_what_came_out(recorded_arm, tmp_path, capsys):
    run = tmp_path / "run"
    data = [f"--data={folder}" for folder in recorded_arm]
    quick = ["--set=loop.steps=2", "--set=batch_size=2"]
    assert main(["train", "hand", *data, f"--out={run}", *quick]) == 0
    assert "trained 2 steps; of 52 held-out frames half are within" in capsys.readouterr().out
    assert HandReader.load(run / MODEL).world == "fetch"
    for arguments, message in (
        ([], "hand needs recorded shards: give --data"),
        ([*data, f"--init={tmp_path}"], "is no folder of a hand reader"),
        ([f"--data={tmp_path}"], "has no index.json"),
    ):
        assert main(["train", "hand", *arguments, f"--out={tmp_path / 'other'}"]) == 2
        error = capsys.readouterr().err
        assert message in error, error
        assert error.count("\n") == 1
        assert not (tmp_path / "other").exists()


def test_a_world_model_takes_one_data_folder(tmp_path, capsys):
    command = ["train", "rooms-tiny", "--data=a", "--data=b", f"--out={tmp_path / 'run'}"]
    assert main(command) == 2
    assert "all others take one" in capsys.readouterr().err
