"""Two ways to write, each with the settings that it reads, and files from when they were one."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from twospeed.cli.app import main
from twospeed.core.config import from_json, override, to_json
from twospeed.core.errors import ConfigError, UnknownNameError
from twospeed.memory.config import FastLearningConfig, GradientConfig, RidgeConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import WEIGHTS, load_memory, save_memory
from twospeed.memory.memory_file import memory_of
from twospeed.memory.presets import PRESETS, gradient, preset_of, recalling

OF_BEFORE = {
    "rank": 32, "targets": "(up|down)$", "learning_rate": 0.0001, "updates_per_chunk": 3,
    "levels_per_update": 2, "lowest_level": 1, "highest_level": 1000, "objective": "joint",
    "ridge": 0.03, "both_ways": True, "doubt": 1.0, "trust": None, "past_level": 0,
    "rehearsed_per_update": 0, "rehearsal_windows": 64, "keep_optimizer": True,
    "betas": [0.9, 0.999], "anchor": 0.0, "max_norm": None, "gate": 0.0, "contrast": 0.0,
}  # fmt: skip
"""The settings of a memory file when one class held those of both ways."""


@pytest.mark.parametrize("config", [gradient(), recalling(16)], ids=["gradient", "ridge"])
def test_what_is_stored_is_read_as_the_same_way_of_writing(config):
    assert from_json(FastLearningConfig, to_json(config)) == config


def test_the_settings_of_a_file_of_before_are_those_of_its_objective():
    by_steps = from_json(FastLearningConfig, OF_BEFORE)
    assert by_steps == GradientConfig(
        targets=("up", "down"), updates_per_chunk=3, levels_per_update=2
    )
    recall = {"objective": "recall", "rank": 16, "targets": r"^recall\.layer$"}
    more = {"learning_rate": 1.0, "doubt": 0.5, "trust": [0.85, 0.97]}
    in_one_step = from_json(FastLearningConfig, OF_BEFORE | recall | more)
    assert in_one_step == RidgeConfig(rank=16, generated_weight=0.5, retrieval_range=(0.85, 0.97))


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "views"])
def test_a_memory_file_of_before_opens(model, make_window, tmp_path, preset):
    memory = FastWeights(model, preset_of(model, preset))
    memory.observe(make_window(), ["turn left"], past_frames=4)
    save_memory(memory_of(memory), tmp_path / "m")
    path = tmp_path / "m" / WEIGHTS
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    config = OF_BEFORE | json.loads(metadata["config"])
    config["trust"] = config.pop("retrieval_range", None)
    config.pop("generated_weight", None)
    save_file(load_file(path), path, metadata=metadata | {"config": json.dumps(config)})
    opened = load_memory(tmp_path / "m")
    assert opened.config == memory.config
    assert all(torch.equal(it, memory.adapters.up[name][0]) for name, it in opened.up.items())


@pytest.mark.parametrize(
    ("config", "setting", "known"),
    [
        (recalling(16), "levels_per_update=2", "Known: anchor, both_ways, contrast"),
        (gradient(), "ridge=0.1", "Known: anchor, betas, contrast"),
        (gradient(), "rnak=8", "Did you mean 'rank'?"),
    ],
)
def test_a_setting_of_the_other_way_is_refused_with_those_there_are(config, setting, known):
    with pytest.raises(UnknownNameError) as caught:
        override(config, setting)
    assert known in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_line_says_which_settings_there_are(tmp_path, capsys):
    command = ["demo", "--out", str(tmp_path / "d"), "--preset", "associative"]
    command += ["--set", "past_level=3"]
    assert main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no setting in RidgeConfig" in line
    assert "'past_level'. Known: anchor, both_ways, contrast, gate, generated_weight" in line


def test_an_objective_is_one_of_its_own_way():
    with pytest.raises(ConfigError, match=r"joint, next, both, got 'recall'; .* RidgeConfig"):
        GradientConfig(objective="recall")
    with pytest.raises(ConfigError, match="GradientConfig or a RidgeConfig"):
        FastLearningConfig()
    with pytest.raises(ConfigError, match="updates_per_chunk must be 1 or less"):
        RidgeConfig(updates_per_chunk=2)
