import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from twospeed.core.errors import ConfigError, DataError, ShapeError, UnknownNameError
from twospeed.core.random import generator_of
from twospeed.memory.config import GradientConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.presets import default
from twospeed.worldmodel.asking.guidance import Guidance
from twospeed.worldmodel.asking.questions import SlowReading
from twospeed.worldmodel.catalogue import describe, packaged_models
from twospeed.worldmodel.denoiser import UNet3D
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.reading import Reading
from twospeed.worldmodel.text import TextEncoder


def generated(model, frames):
    past = model.encode(frames)
    return model.generate(past, ["go forward"] * len(frames), [(3, i) for i in range(len(frames))])


def test_a_model_survives_its_folder_bit_for_bit(model, random_frames, tmp_path):
    frames = random_frames(0, 2, 4)
    before = model.decode(generated(model, frames))
    model.save_pretrained(tmp_path / "m", card="# name\n\nA small model. It is small.\n")
    loaded = WorldModel.from_pretrained(tmp_path / "m")
    assert np.array_equal(loaded.decode(generated(loaded, frames)), before)
    assert loaded.hash() == model.hash()
    assert loaded.settings == model.settings
    assert describe(tmp_path / "m").summary == "A small model"


def test_half_precision_on_disk_leaves_the_model_in_memory_alone(model, tmp_path):
    before = {name: tensor.clone() for name, tensor in model.denoiser.state_dict().items()}
    model.save_pretrained(tmp_path / "m", half=True)
    after = model.denoiser.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    loaded = WorldModel.from_pretrained(tmp_path / "m")
    assert loaded.hash() == model.hash()
    assert {tensor.dtype for tensor in loaded.denoiser.parameters()} == {torch.float32}


def test_a_clip_of_a_batch_is_generated_as_it_would_be_alone(model, random_frames):
    frames = random_frames(1, 3, 4)
    together = generated(model, frames)
    alone = model.generate(model.encode(frames[1:2]), ["go forward"], [(3, 1)])
    torch.testing.assert_close(together[1:2], alone, rtol=1e-5, atol=1e-5)


class Familiar:
    """Fast weights that say how familiar everything is."""

    def __init__(self, memory, familiarity):
        self.memory, self.familiarity = memory, familiarity

    def read(self, slow):
        reading = self.memory.read(slow)
        reading.familiarity_B = torch.tensor([self.familiarity])
        return reading


class Nothing(SlowReading):
    """A reading that predicts zeros."""

    def finish(self, _answers, noisy, _level):
        return 0 * noisy


@pytest.mark.parametrize("remembers", [False, True])
def test_guidance_adds_what_the_action_changes_in_the_slow_prediction(model, remembers):
    window = torch.randn(1, 8, 8, 4, 4, generator=generator_of("window"))
    noise = torch.randn(8, 4, 4, 4, generator=generator_of(3, 0))
    memory = FastWeights(model, default(model))
    memory.observe(window, ["turn left"], past_frames=4)
    level = torch.tensor([[0] * 4 + [1000] * 4])
    noisy = torch.cat([window[:, :, :4], noise[None]], dim=2)
    texts = [model.text_encoder.encode([text]) for text in ("turn left", "")]
    with torch.no_grad():
        told, untold = (model.denoiser(noisy, level, text)[:, :, 4:] for text in texts)
        slow = Reading.of(model.denoiser, window[:, :, :4], texts[0])
        asked = memory.read(slow)(noisy, level)[:, :, 4:] if remembers else told
    for guidance, familiar in ((0.0, 0.0), (0.75, 0.0), (0.75, 0.4), (0.75, 1.0)):
        if familiar and not remembers:
            continue
        model.settings = replace(model.settings, sampling_steps=1, guidance=guidance)
        found = model.generate(
            window[:, :, :4],
            ["turn left"],
            [(3, 0)],
            fast_weights=Familiar(memory, familiar) if remembers else None,
        )
        share = guidance * (1 - familiar)
        torch.testing.assert_close(found, asked + share * (told - untold))
    guided = Guidance(Nothing(slow), texts[1], scale=1.0, guided_from=750)
    for now, is_guided in ((1000, True), (750, True), (500, False)):
        there = guided(noisy, torch.tensor([[0] * 4 + [now] * 4])).abs().sum() > 0
        assert there == is_guided
    with pytest.raises(ConfigError, match="guidance must be 0 or more"):
        replace(model.settings, guidance=-1.0)


def test_other_weights_have_another_hash(make_model):
    assert make_model(0).hash() == make_model(0).hash() != make_model(1).hash()


def test_frames_of_another_size_are_refused(model):
    with pytest.raises(ShapeError, match="16x16"):
        model.encode(np.zeros((1, 1, 8, 16, 3), np.uint8))


@pytest.mark.parametrize("part", ["denoiser", "vae", "text_encoder"])
def test_a_truncated_file_is_one_clear_line(model, tmp_path, part):
    model.save_pretrained(tmp_path / "m")
    path = next((tmp_path / "m" / part).glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"cannot read the \w+( \w+)? in") as caught:
        WorldModel.from_pretrained(tmp_path / "m")
    assert "\n" not in str(caught.value)


def test_missing_weights_are_named(model, tmp_path):
    model.save_pretrained(tmp_path / "m")
    path = next((tmp_path / "m" / "denoiser").glob("*.safetensors"))
    tensors = load_file(path)
    del tensors["recall.to_inverse.bias"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(DataError, match=r"lacks recall\.to_inverse\.bias: another version"):
        WorldModel.from_pretrained(tmp_path / "m")


def test_a_wrong_class_or_index_is_named(model, tmp_path):
    model.save_pretrained(tmp_path / "m")
    config = tmp_path / "m" / "denoiser" / "config.json"
    config.write_text(config.read_text().replace("SpaceTimeTransformer", "SpaceTimeTransfomer"))
    with pytest.raises(UnknownNameError, match="Did you mean 'SpaceTimeTransformer'"):
        WorldModel.from_pretrained(tmp_path / "m")
    config.write_text("{}")
    with pytest.raises(DataError, match="names no class"):
        WorldModel.from_pretrained(tmp_path / "m")
    (tmp_path / "m" / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    with pytest.raises(DataError, match="StableDiffusionPipeline"):
        WorldModel.from_pretrained(tmp_path / "m")


def test_a_name_that_is_no_model_is_one_line():
    with pytest.raises(UnknownNameError, match="no model is called 'romos-64'"):
        WorldModel.from_pretrained("romos-64")


def test_packaged_models_are_folders_with_an_index(tmp_path):
    assert packaged_models(tmp_path) == []
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "model_index.json").write_text("{}")
    assert packaged_models(tmp_path) == ["one"]


@pytest.fixture
def pretrained_folder(model, tmp_path):
    """Write a model folder of diffusers' AutoencoderKL and UNet3D and transformers' CLIP."""
    folder = tmp_path / "pretrained"
    model.save_pretrained(folder)
    torch.manual_seed(0)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        norm_num_groups=4,
    )
    unet = UNet3D(
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=12,
        attention_head_dim=8,
    )
    vae.save_pretrained(folder / "vae")
    unet.save_pretrained(folder / "denoiser")
    words = ["<|startoftext|>", "<|endoftext|>", "g", "o</w>", "go</w>"]
    vocabulary = tmp_path / "vocab.json"
    vocabulary.write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\ng o</w>\n")
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path)
    shape = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=12,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    TextEncoder(tokenizer, CLIPTextModel(shape)).save_pretrained(folder)
    return folder


def test_pretrained_parts_of_other_libraries_dream_and_remember(pretrained_folder, random_frames):
    model = WorldModel.from_pretrained(pretrained_folder)
    assert model.text_encoder.encode(["go", "", "go"]).shape == (3, 77, 12)
    frames = random_frames(2, 1, 4)
    past = model.encode(frames)
    assert past.shape == (1, 4, 4, 8, 8)
    memory = FastWeights(model, GradientConfig(rank=2, learning_rate=1e-2))
    new = model.generate(past, ["go"], [(0,)], fast_weights=memory)
    (record,) = memory.observe(torch.cat([past, new], 2), ["go"], past_frames=4)
    assert record.loss_after < record.loss_before
    assert model.decode(new).shape == frames.shape


def test_a_model_folder_does_not_tell_where_its_parts_were_read_from(model, tmp_path):
    model.save_pretrained(tmp_path / "first")
    WorldModel.from_pretrained(tmp_path / "first").save_pretrained(tmp_path / "second")
    for config in (tmp_path / "second").rglob("*.json"):
        assert str(tmp_path) not in config.read_text()
