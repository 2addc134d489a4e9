"""Wan 2.2 A14B: each transformer on its side of the boundary, both with one memory."""

import copy

import pytest
import torch
from diffusers import WanPipeline, WanTransformer3DModel
from peft import PeftModel

from twospeed.core.errors import DataError
from twospeed.core.files import read_json, write_json
from twospeed.memory.config import GradientConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import load_memory, save_memory
from twospeed.memory.memory_file import memory_of, open_memories
from twospeed.worldmodel.backbones.wan import WanDenoiser
from twospeed.worldmodel.model import WorldModel

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated.*")
NAME = "wan_22_a14b"


@pytest.fixture
def model(saved):
    return WorldModel.from_pretrained(saved(NAME)).configure(frame_size=32, sampling_steps=2)


def question(model, *levels):
    noisy = torch.randn(len(levels), 16, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    level = torch.tensor([[0, level] for level in levels])
    return noisy, level, model.text_encoder.encode(["go on"] * len(levels))


@torch.no_grad()
def test_the_noisiest_frame_decides_who_is_asked_clip_by_clip(model):
    noisy, level, text = question(model, 900, 100)
    both = model.denoiser(noisy, level, text)
    high = model.denoiser.transformer(noisy[:1], level[:1], text[:1])
    low = model.denoiser.transformer_2(noisy[1:], level[1:], text[1:])
    torch.testing.assert_close(both, torch.cat([high, low]), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(high, model.denoiser.transformer_2(noisy[:1], level[:1], text[:1]))


def test_a_memory_of_both_opens_in_peft_and_in_diffusers(model, saved, tmp_path):
    config = GradientConfig(
        rank=4, targets=model.origin.family.adapted, learning_rate=1e-2, levels_per_update=8
    )
    memory = FastWeights(model, config)
    window = torch.randn(1, 16, 2, 4, 4)
    memory.observe(window, ["go on"], past_frames=1)
    save_memory(memory, tmp_path / "m")
    again = memory_of(open_memories(model, [load_memory(tmp_path / "m")], seeds=(0,)))
    assert any(name.startswith("transformer_2.") for name in again.up)
    stock = WanPipeline.from_pretrained(saved(NAME))
    plain = copy.deepcopy(model.denoiser)
    stock.load_lora_weights(tmp_path / "m", weight_name="pytorch_lora_weights.safetensors")
    stock.load_lora_weights(
        tmp_path / "m",
        weight_name="pytorch_lora_weights_2.safetensors",
        load_into_transformer_2=True,
    )
    opened = PeftModel.from_pretrained(plain, tmp_path / "m").base_model.model
    for level, part in ((900, stock.transformer), (100, stock.transformer_2)):
        asked = question(model, level)
        assert isinstance(part, WanTransformer3DModel)
        part.__class__ = WanDenoiser
        with torch.no_grad(), memory.adapters.attached():
            remembered = model.denoiser(*asked)
        with torch.no_grad():
            assert not torch.allclose(remembered, model.denoiser(*asked), atol=1e-4)
            torch.testing.assert_close(part(*asked), remembered, rtol=1e-3, atol=1e-4)
            torch.testing.assert_close(opened(*asked), remembered, rtol=1e-3, atol=1e-4)


def test_it_saves_as_diffusers_pipeline_of_two(model, tmp_path):
    model.save_pretrained(tmp_path / "m")
    stock = WanPipeline.from_pretrained(tmp_path / "m")
    assert isinstance(stock.transformer_2, WanTransformer3DModel)
    assert stock.config.boundary_ratio == 0.875
    assert WorldModel.from_pretrained(tmp_path / "m").hash() == model.hash()


@pytest.mark.parametrize("value", [None, "much", 1.5])
def test_a_boundary_that_is_none_is_one_line(model, tmp_path, value):
    model.save_pretrained(tmp_path / "m")
    index = tmp_path / "m" / "model_index.json"
    write_json(index, {**read_json(index), "boundary_ratio": value})
    with pytest.raises(DataError, match="boundary_ratio, a number from 0 to 1"):
        WorldModel.from_pretrained(tmp_path / "m")


def test_without_its_second_transformer_it_is_not_whole(model, tmp_path):
    model.save_pretrained(tmp_path / "m")
    (tmp_path / "m" / "transformer_2").rename(tmp_path / "away")
    with pytest.raises(DataError, match="has no transformer_2/"):
        WorldModel.from_pretrained(tmp_path / "m")
