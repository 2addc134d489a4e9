import json

import pytest
import torch

from twospeed.cli.app import main
from twospeed.core.errors import ConfigError, DataError
from twospeed.planning.inverse.learned import LearnedInverseDynamics
from twospeed.planning.inverse.learning import InverseConfig, train_inverse_dynamics
from twospeed.training.loop_config import LoopConfig

QUICK = InverseConfig(loop=LoopConfig(steps=3, learning_rate=1e-3, warmup_steps=1))


def test_both_networks_are_trained_measured_and_the_better_is_kept(larger_shards, tmp_path):
    report = train_inverse_dynamics(QUICK, larger_shards, tmp_path / "run")
    assert set(report["networks"]) == {"terminator", "convolution"}
    for row in report["networks"].values():
        assert 0 <= row["accuracy"] <= 1
        assert row["clips"] + row["still_clips"] == 8
    best = LearnedInverseDynamics.load(tmp_path / "run" / "best")
    assert best.settings.network == report["best"]
    assert json.loads((tmp_path / "run" / "report.json").read_text()) == report


def test_the_same_command_goes_on_and_another_run_is_refused(shards, tmp_path):
    config = InverseConfig(networks=("convolution",), loop=QUICK.loop)
    first = train_inverse_dynamics(config, shards, tmp_path / "run")
    again = train_inverse_dynamics(config, shards, tmp_path / "run")
    for report in (first, again):
        report["networks"]["convolution"].pop("milliseconds_a_clip")
    assert first == again
    with pytest.raises(DataError, match="another run"):
        train_inverse_dynamics(QUICK, shards, tmp_path / "run")


def test_chunks_that_a_world_model_generates_are_read_too(shards, tmp_path, model):
    config = InverseConfig(networks=("convolution",), loop=QUICK.loop)
    report = train_inverse_dynamics(config, shards, tmp_path / "run", model=model)
    assert 0 <= report["networks"]["convolution"]["accuracy_on_generated"] <= 1


def test_a_network_begins_with_that_of_another_run(shards, tmp_path):
    first = InverseConfig(networks=("convolution",), loop=QUICK.loop)
    train_inverse_dynamics(first, shards, tmp_path / "first")
    still = LoopConfig(steps=1, learning_rate=1e-12, warmup_steps=1)
    for start in (tmp_path / "first", tmp_path / "first" / "best"):
        config = InverseConfig(networks=("convolution",), loop=still, start=str(start))
        train_inverse_dynamics(config, shards, tmp_path / f"from-{start.name}")
        found, wanted = (
            LearnedInverseDynamics.load(tmp_path / run / "best").network.state_dict()
            for run in (f"from-{start.name}", "first")
        )
        for name, tensor in wanted.items():
            assert torch.allclose(found[name], tensor, atol=1e-6)


def test_what_a_network_cannot_begin_with_is_one_line(shards, larger_shards, tmp_path):
    small = InverseConfig(networks=("convolution",), loop=QUICK.loop)
    train_inverse_dynamics(small, shards, tmp_path / "small")
    start = str(tmp_path / "small" / "best")
    with pytest.raises(ConfigError, match="the terminator cannot begin with it"):
        train_inverse_dynamics(InverseConfig(loop=QUICK.loop, start=start), shards, tmp_path / "a")
    other = InverseConfig(networks=("convolution",), loop=QUICK.loop, start=start)
    with pytest.raises(ConfigError, match="read other frames or commands"):
        train_inverse_dynamics(other, larger_shards, tmp_path / "b")
    missing = InverseConfig(loop=QUICK.loop, start="nowhere")
    with pytest.raises(DataError, match="nowhere"):
        train_inverse_dynamics(missing, shards, tmp_path / "c")


def test_networks_are_named():
    with pytest.raises(ConfigError, match="networks names none"):
        InverseConfig(networks=())


def test_the_command_trains_and_says_what_came_out(shards, tmp_path, capsys):
    run = tmp_path / "run"
    arguments = ["train", "inverse-dynamics", f"--data={shards}", f"--out={run}"]
    assert main([*arguments, "--set=loop.steps=2", '--set=networks=["convolution"]']) == 0
    assert "of 8 held-out clips" in capsys.readouterr().out or (run / "best").is_dir()
    assert main(["train", "inverse-dynamics", f"--out={tmp_path / 'other'}"]) == 2
    assert "give --data" in capsys.readouterr().err
