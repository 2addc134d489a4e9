from dataclasses import replace

import pytest
import torch

from twospeed.core.config import to_json
from twospeed.core.errors import ConfigError, DataError
from twospeed.memory.config import FastLearningConfig, default, preset_of
from twospeed.memory.files import load_memory, memory_of, running, save_memory
from twospeed.memory.objective import draw_write, write_loss
from twospeed.memory.temp_lora import TempLora
from twospeed.worldmodel.fast_start import FastStart
from twospeed.worldmodel.model import WorldModel

LEARNED = FastLearningConfig(
    rank=5,
    targets=r"blocks\.\d+\.down$",
    down="learned",
    optimizer="gradient",
    learning_rate=3.0,
    updates_per_chunk=1,
    levels_per_update=2,
    objective="next",
)


@pytest.fixture
def gifted(model):
    """Return a model that brings a start for its memories."""
    draws = torch.Generator().manual_seed(4)
    down = {
        name: torch.randn(5, layer.in_features, generator=draws)
        for name, layer in model.denoiser.named_modules()
        if name.startswith("blocks") and name.endswith("down")
    }
    model.fast_start = FastStart(down=down, config=to_json(LEARNED))
    return model


def test_the_start_travels_with_the_model_folder(gifted, tmp_path):
    gifted.save_pretrained(tmp_path / "with")
    found = WorldModel.from_pretrained(tmp_path / "with")
    assert found.fast_start.down.keys() == gifted.fast_start.down.keys()
    for name, down in found.fast_start.down.items():
        assert torch.equal(down, gifted.fast_start.down[name])
    assert preset_of(found, "default") == LEARNED
    found.fast_start = None
    found.save_pretrained(tmp_path / "without")
    assert WorldModel.from_pretrained(tmp_path / "without").fast_start is None
    assert preset_of(found, "default") == default()
    (tmp_path / "with" / "fast_weights" / "down.safetensors").write_bytes(b"cut")
    with pytest.raises(DataError, match="fast weights' start"):
        WorldModel.from_pretrained(tmp_path / "with")


def test_one_plain_write_is_minus_rate_times_the_gradient_and_down_stays(gifted, make_window):
    gifted.denoiser.double()
    window = make_window(dtype=torch.float64)
    memory = TempLora(gifted, LEARNED, seeds=(7,))
    memory.observe(window, ["go back"], past_frames=4)
    fresh = TempLora(gifted, LEARNED, seeds=(7,))
    draws = draw_write(LEARNED, tuple(window.shape[1:]), 4, [(7, "write", 0, 0)])
    no_text, text = (gifted.text_encoder.encode([said]).double() for said in ("", "go back"))
    with fresh.adapters.attached():
        losses = write_loss(
            gifted.denoiser,
            gifted.schedule,
            window.repeat(2, 1, 1, 1, 1),
            text.repeat(2, 1, 1),
            no_text,
            draws,
        )
        ups = fresh.adapters.up
        gradients = torch.autograd.grad(losses.mean(), list(ups.values()))
    for (name, up), gradient in zip(memory.adapters.up.items(), gradients, strict=True):
        torch.testing.assert_close(up, -3.0 * gradient, rtol=1e-9, atol=1e-14)
        assert up.abs().max() > 0
        assert torch.equal(memory.adapters.down[name][0], gifted.fast_start.down[name].double())


def test_such_a_memory_is_a_file_like_any_other(gifted, make_window, tmp_path):
    memory = TempLora(gifted, LEARNED, seeds=(7,))
    memory.observe(make_window(), ["go back"], past_frames=4)
    save_memory(memory_of(memory), tmp_path / "memory")
    again = running(gifted, [load_memory(tmp_path / "memory")], seeds=(7,))
    for one in (memory, again):
        one.observe(make_window(seed=1), ["turn left"], past_frames=4)
    for name, up in memory.adapters.up.items():
        assert torch.equal(again.adapters.up[name], up)


def test_a_start_that_does_not_fit_is_refused(gifted, make_model):
    with pytest.raises(ConfigError, match="brings no learned down"):
        TempLora(make_model(), LEARNED)
    with pytest.raises(ConfigError, match=r"shape \(4, 128\), the model brings one of"):
        TempLora(gifted, replace(LEARNED, rank=4))
    with pytest.raises(ConfigError, match="brings none"):
        TempLora(gifted, replace(LEARNED, targets=r"blocks\.\d+\.(up|down)$"))
