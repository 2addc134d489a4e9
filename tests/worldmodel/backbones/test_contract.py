"""One suite that every family passes: opened as diffusers saved it, dreamed in, remembered."""

import numpy as np
import pipelines
import pytest
import torch
from diffusers import (
    LTXVideoTransformer3DModel,
    SkyReelsV2Transformer3DModel,
    UNet3DConditionModel,
    WanTransformer3DModel,
)
from peft import PeftModel
from safetensors.torch import load_file

from twospeed.core.errors import ConfigError, ShapeError
from twospeed.core.random import generator_of
from twospeed.generation.dream import Dream
from twospeed.memory.config import GradientConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import save_memory
from twospeed.memory.presets import preset_of
from twospeed.worldmodel.backbones.table import FAMILIES
from twospeed.worldmodel.codec import packing_of
from twospeed.worldmodel.model import WorldModel

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated.*")
STOCK = {
    kind.__name__: kind
    for kind in (
        LTXVideoTransformer3DModel,
        SkyReelsV2Transformer3DModel,
        UNet3DConditionModel,
        WanTransformer3DModel,
    )
}
every = pytest.mark.parametrize("name", pipelines.MAKERS)
of_one_part = pytest.mark.parametrize("name", [it for it in pipelines.MAKERS if "a14b" not in it])


def opened(folder, **options):
    model = WorldModel.from_pretrained(folder, **options)
    return model.configure(frame_size=64, sampling_steps=2)


def first_frame(seed=0):
    cells = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return cells.repeat(8, axis=0).repeat(8, axis=1)


def test_every_family_has_a_tiny_pipeline():
    opened_by = {family.name for family in FAMILIES}
    assert {name.partition("_")[0] for name in pipelines.MAKERS} == opened_by


@every
def test_a_dream_has_the_frames_that_it_should_and_can_be_saved_and_forked(saved, name, tmp_path):
    model = opened(saved(name)).configure(frame_width=128)
    memory = FastWeights(model, preset_of(model, "paper"))
    dream = Dream(model, first_frame().repeat(2, axis=1), memory=memory, seed=3)
    frames = dream.step("go on")
    assert frames.shape == (model.settings.chunk_frames, 64, 128, 3)
    assert frames.dtype == np.uint8
    assert frames.std() > 0
    dream.save(tmp_path / "d")
    loaded, branch = Dream.load(tmp_path / "d", model), dream.fork()
    after = dream.step("stop")
    assert np.array_equal(loaded.step("stop"), after)
    assert np.array_equal(branch.step("stop"), after)


@every
def test_chunk_by_chunk_decodes_to_what_all_at_once_does(saved, name):
    model = opened(saved(name))
    packing = packing_of(model.autoencoder)
    shape = (1, packing.channels, 4, 64 // packing.side, 64 // packing.side)
    latents = torch.randn(shape, generator=generator_of(name))
    stream = model.stream()
    parts = [stream.next(latents[:, :, i : i + 1]) for i in range(4)]
    whole = model.decode(latents)
    assert whole.shape[1] == 1 + 3 * packing.frames
    if name == "ltx":  # its decoder looks ahead: only what is far from the end is the same
        assert sum(part.shape[1] for part in parts) == whole.shape[1]
        return
    difference = np.concatenate(parts, axis=1).astype(int) - whole
    assert np.abs(difference).max() <= 1


@every
def test_a_clip_of_a_batch_is_generated_as_it_would_be_alone(saved, name):
    model = opened(saved(name))
    past = model.encode(np.stack([first_frame(i)[None] for i in range(2)]))
    together = model.generate(past, ["go on", "stop"], [1, 2])
    alone = model.generate(past[1:], ["stop"], [2])
    torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-4)


@of_one_part
def test_a_memory_opens_in_peft_and_in_diffusers_and_predicts_the_same(saved, name, tmp_path):
    model = opened(saved(name))
    config = GradientConfig(
        rank=4, targets=model.origin.family.adapted, learning_rate=1e-2, updates_per_chunk=2
    )
    memory = FastWeights(model, config)
    past = model.encode(first_frame()[None, None])
    new = model.generate(past, ["go on"], [0])
    window = torch.cat([past, new], dim=2)
    memory.observe(window, ["go on"], past_frames=1)
    save_memory(memory, tmp_path / "m")
    level, text = torch.full((1, window.shape[2]), 500), model.text_encoder.encode(["go on"])
    with torch.no_grad():
        slow = model.denoiser(window, level, text)
        with memory.adapters.attached():
            remembered = model.denoiser(window, level, text)
        assert (remembered - slow).abs().max() > 1e-4
        family = model.origin.family
        forward = type(model.denoiser).forward

        def asked(network):
            found = forward.__get__(as_ours(network, model.denoiser))(window, level, text)
            torch.testing.assert_close(found, remembered, rtol=1e-3, atol=1e-4)

        place = saved(name) / family.part
        stock = STOCK[family.stored_as].from_pretrained(place).eval()
        if hasattr(stock, "load_lora_adapter"):
            stock.load_lora_adapter(tmp_path / "m", prefix=family.part, use_safetensors=True)
            asked(stock)
        ours = STOCK[family.stored_as].from_pretrained(place).eval()
        PeftModel.from_pretrained(ours, tmp_path / "m")
        asked(ours)
    names = load_file(tmp_path / "m" / "pytorch_lora_weights.safetensors")
    assert all(it.startswith(f"{family.part}.") for it in names)


def as_ours(network, ours):
    """Ask a stock network in our way: the class alone changes, no weight and no layer."""
    network.__class__ = type(ours)
    if getattr(ours, "pictures", None) is not None:
        network.pictures = ours.pictures
    return network


@every
def test_half_precision_with_adapters_in_full_precision(saved, name):
    model = opened(saved(name), torch_dtype="bfloat16")
    memory = FastWeights(model, preset_of(model, "gradient"))
    dream = Dream(model, first_frame(), memory=memory)
    assert dream.step("go on").shape[0] == model.settings.chunk_frames
    assert {it.dtype for it in memory.adapters.tensors()} == {torch.float32}
    assert memory.records[0][0].written


@every
def test_a_model_saves_as_the_pipeline_that_it_came_as(saved, name, tmp_path):
    model = opened(saved(name))
    model.save_pretrained(tmp_path / "m")
    loaded = WorldModel.from_pretrained(tmp_path / "m")
    assert loaded.settings == model.settings
    assert loaded.hash() == model.hash()
    family = model.origin.family
    kind = STOCK[family.stored_as]
    again = kind.from_pretrained(tmp_path / "m" / family.part)
    assert type(again) is kind


@every
def test_sizes_and_windows_that_are_not_possible_name_those_that_are(saved, name):
    model = opened(saved(name))
    side = model.rules.side
    with pytest.raises(ConfigError, match=f"take {4 * side} or {5 * side}"):
        model.configure(frame_size=4 * side + 1)
    with pytest.raises(ConfigError, match=f"frame_width .* take {5 * side} or {6 * side}"):
        model.configure(frame_size=4 * side, frame_width=6 * side - 1)
    frames = model.rules.frames
    if frames > 1:
        with pytest.raises(ConfigError, match=f"take {frames} or {2 * frames}"):
            model.configure(chunk_frames=frames + 1)
    with pytest.raises(ConfigError, match="window is"):
        model.configure(chunk_frames=frames * 4, past_frames=frames * 31)
    past = torch.zeros(1, packing_of(model.autoencoder).channels, 1, 1, 1)
    cells = 64 // packing_of(model.autoencoder).side
    with pytest.raises(ShapeError, match="window"):
        model.generate(past.expand(-1, -1, 200, cells, cells), ["go on"], [0])


@pytest.mark.parametrize("name", ["wan_21", "skyreels"])
def test_past_and_new_frames_are_free_up_to_the_window(saved, name):
    model = opened(saved(name)).configure(chunk_frames=8, past_frames=12)
    dream = Dream(model, first_frame())
    lengths = []
    for _ in range(3):
        assert dream.step("go on").shape[0] == 8
        lengths.append(dream.past.shape[2])
    assert lengths == [3, 3, 3]
