"""A memory module learns beside a denoiser that stays as it is, and remembers on it."""

import copy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel

from twospeed.cli.app import main
from twospeed.core.config import override
from twospeed.core.errors import ConfigError, DataError
from twospeed.generation.dream import Dream
from twospeed.memory.config import RidgeConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import load_memory, save_memory
from twospeed.memory.memory_file import memory_of, open_memories
from twospeed.memory.presets import preset_of
from twospeed.training.finetune.config import MemoryModuleConfig
from twospeed.training.finetune.memory_module import range_between, train_memory_module
from twospeed.worldmodel.model import WorldModel

sys.path.insert(0, str(Path(__file__).parents[2] / "worldmodel" / "backbones"))
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated.*")
QUICK = override(
    MemoryModuleConfig(), "keys=16", "width=16", "episodes=2", "loop.steps=6",
    "loop.warmup_steps=1", "loop.ema_decay=0.5", "loop.checkpoint_minutes=0",
)  # fmt: skip


def record(out, size):
    arguments = ["record", "rooms", "--episodes", "4", "--chunks", "5", "--size", str(size)]
    assert main([*arguments, "--policy", "revisit", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module", params=["unet3d", "wan"])
def begun(request, tmp_path_factory, make_model):
    """Return a folder of a model without any recall layer, and shards that it takes."""
    root = tmp_path_factory.mktemp(request.param)
    if request.param == "wan":
        import pipelines

        pipelines.make("wan_21", root).save_pretrained(root / "model")
        return root / "model", record(root / "shards", 32)
    make_model(denoiser="unet3d").save_pretrained(root / "model")
    return root / "model", record(root / "shards", 16)


@pytest.fixture(scope="module")
def done(begun, tmp_path_factory):
    model, shards = begun
    return train_memory_module(QUICK, model, shards, tmp_path_factory.mktemp("run") / "r")


def test_the_denoiser_stays_and_the_module_is_a_part_of_the_folder(begun, done):
    before, after = (WorldModel.from_pretrained(it) for it in (begun[0], done.folder))
    assert (before.memory_module, before.recaller) == (None, None)
    assert after.hash() == before.hash()
    assert after.recaller is after.memory_module is not None
    assert done.steps == 6
    assert np.isfinite([done.error_with_memory, done.error_without]).all()
    begin, whole = after.memory_module.config.retrieval_range
    assert begin < whole
    assert preset_of(after, "associative").retrieval_range == (begin, whole)


def test_the_gate_is_laid_between_what_is_unknown_and_what_was_written():
    unknown = torch.tensor([0.5] * 98 + [0.99] * 2)
    assert range_between(unknown, torch.tensor([0.2, 1.0, 1.0])) == (0.6, 0.9)
    begin, whole = range_between(torch.ones(3), torch.zeros(3))
    assert 1.0 < begin < whole


def test_what_was_written_is_recalled_in_place_of_what_the_denoiser_predicts(done):
    model = WorldModel.from_pretrained(done.folder).configure(sampling_steps=2, guidance=0.0)
    config = override(
        preset_of(model, "associative"),
        "ridge=1e-6",
        "both_ways=false",
        "retrieval_range=[0.1,0.2]",
    )
    memory = FastWeights(model, config)
    cells, chunk = model.memory_module.config.cells, model.memory_module.config.frames
    window = torch.randn(1, model.memory_module.config.latent_channels, 1 + chunk, cells, cells)
    memory.observe(window, ["turn left"], past_frames=1)
    recalled = model.generate(window[:, :, :1], ["turn left"], [0], fast_weights=memory)
    assert (recalled - window[:, :, 1:]).abs().max() < 1e-2
    assert not torch.allclose(
        model.generate(window[:, :, :1], ["turn left"], [0]), window[:, :, 1:], atol=0.1
    )


def test_its_memories_are_files_that_belong_to_the_module(begun, done, tmp_path):
    model = WorldModel.from_pretrained(done.folder).configure(sampling_steps=1)
    size = model.settings.frame_size
    memory = FastWeights(model, preset_of(model, "associative"))
    assert isinstance(memory.config, RidgeConfig)
    dream = Dream(model, np.zeros((size, size, 3), np.uint8), memory=memory)
    dream.step("turn left")
    save_memory(memory, tmp_path / "m")
    file = load_memory(tmp_path / "m")
    again = memory_of(open_memories(model, [file], seeds=(0,)))
    assert all(torch.equal(file.up[name], again.up[name]) for name in file.up)
    opened = PeftModel.from_pretrained(copy.deepcopy(model.memory_module), tmp_path / "m")
    past, text = torch.randn(1, *dream.past.shape[1:]), model.text_encoder.encode(["turn left"])
    key = opened.base_model.model.keys_of(past, text)
    with memory.adapters.attached():
        torch.testing.assert_close(
            opened.base_model.model.recall.layer(key), memory.model.recaller.recall.layer(key)
        )
    dream.save(tmp_path / "d")
    assert torch.equal(Dream.load(tmp_path / "d", model).past, dream.past)
    bare = WorldModel.from_pretrained(begun[0])
    with pytest.raises(DataError, match=r"recall\.layer"):
        open_memories(bare, [file], seeds=(0,))


def test_memories_of_the_denoiser_stay_with_it(begun, done):
    bare, beside = (WorldModel.from_pretrained(it) for it in (begun[0], done.folder))
    file = memory_of(FastWeights(bare, preset_of(bare, "paper")))
    assert open_memories(beside, [file], seeds=(0,)).model_hash == file.model_hash


def test_a_module_moves_to_another_model_of_the_same_autoencoder(begun, done, tmp_path):
    shutil.copytree(begun[0], tmp_path / "other")
    shutil.copytree(done.folder / "memory_module", tmp_path / "other" / "memory_module")
    assert WorldModel.from_pretrained(tmp_path / "other").memory_module is not None


def test_without_one_a_recall_memory_says_how_to_get_it(begun):
    model = WorldModel.from_pretrained(begun[0])
    with pytest.raises(ConfigError, match="recall"):
        FastWeights(model, RidgeConfig(rank=16))


def test_it_resumes_exactly(begun, done, tmp_path):
    model, shards = begun
    train_memory_module(QUICK, model, shards, tmp_path / "r", minutes=0.0)
    rest = train_memory_module(QUICK, model, shards, tmp_path / "r")
    ends = [WorldModel.from_pretrained(it.folder).memory_module for it in (done, rest)]
    assert all(
        torch.equal(one, ends[1].state_dict()[name]) for name, one in ends[0].state_dict().items()
    )


def test_the_command_trains_one_and_a_dream_remembers_by_it(begun, tmp_path, capsys):
    model, shards = begun
    settings = ["keys=16", "width=16", "episodes=2", "loop.steps=2"]
    arguments = ["train", "--init", str(model), "--data", str(shards), "--memory-module"]
    quick = [part for setting in settings for part in ("--set", setting)]
    assert main([*arguments, *quick, "--out", str(tmp_path / "r"), "--device", "cpu"]) == 0
    assert "the gate opens" in capsys.readouterr().out
    dream = ["dream", str(tmp_path / "r" / "model"), "--first-frame", "rooms:700001", "--steps"]
    more = ["1", "--actions", "turn left*2", "--memory", "on", "--preset", "associative"]
    files = ["--out", str(tmp_path / "x.mp4"), "--save-memory", str(tmp_path / "m")]
    assert main([*dream, *more, *files]) == 0
    assert main(["memory", "show", str(tmp_path / "m")]) == 0


def test_options_that_do_not_go_together_are_one_line(tmp_path, capsys):
    arguments = ["train", "--init", "a", "--data", "b", "--out", str(tmp_path / "r")]
    assert main([*arguments, "--memory-module", "--lora", "4"]) == 2
    assert "--memory-module takes no" in capsys.readouterr().err
