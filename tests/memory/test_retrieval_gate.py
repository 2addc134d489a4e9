"""What is familiar is taken from memory, whatever the denoiser makes of it."""

from dataclasses import replace

import pytest
import torch

from twospeed.core.config import override
from twospeed.core.errors import ConfigError, UnknownNameError
from twospeed.memory.config import RidgeConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.presets import default, gradient
from twospeed.memory.retrieval_gate import familiarity
from twospeed.worldmodel.diffusion import DiffusionConfig, NoiseSchedule
from twospeed.worldmodel.reading import Reading

TEXT = "turn left"


def drawn(shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(9))


def read(memory, past, text):
    return memory.read(Reading.of(memory.model.denoiser, past, text))


def asked(memory, window, level):
    text = memory.model.text_encoder.encode([TEXT])
    levels = torch.tensor([[0] * 4 + [level] * 4])
    with torch.no_grad():
        return read(memory, window[:, :, :4], text)(window, levels)[:, :, 4:]


def written(model, window, **changes):
    memory = FastWeights(model, replace(default(model), ridge=1e-6, **changes))
    memory.observe(window, [TEXT], past_frames=4)
    return memory


@pytest.mark.parametrize("level", [1000, 500, 1])
def test_a_chunk_that_was_seen_comes_back_whole_at_every_noise_level(model, make_window, level):
    window = make_window(seed=1)
    noisy = torch.cat([window[:, :, :4], drawn(window[:, :, 4:].shape)], dim=2)
    memory = written(model, window)
    torch.testing.assert_close(asked(memory, noisy, level), window[:, :, 4:], atol=1e-3, rtol=1e-3)
    without = written(model, window, retrieval_range=None)
    assert (asked(without, noisy, level) - window[:, :, 4:]).abs().mean() > 0.1


@pytest.mark.parametrize("kind", ["v_prediction", "epsilon"])
def test_other_predictions_mean_the_same_latents(model, make_window, kind):
    window = make_window(seed=1)
    config = DiffusionConfig(prediction_type=kind, rescale_betas_zero_snr=False)
    model.schedule = NoiseSchedule.of(config)
    noise = drawn(window[:, :, 4:].shape)
    kept = model.schedule.signal(torch.tensor(500)).sqrt()
    added = (1 - kept.square()).sqrt()
    noisy = torch.cat([window[:, :, :4], kept * window[:, :, 4:] + added * noise], dim=2)
    found = asked(written(model, window), noisy, 500)
    wanted = noise if kind == "epsilon" else kept * noise - added * window[:, :, 4:]
    torch.testing.assert_close(found, wanted, atol=1e-2, rtol=1e-2)


def test_within_its_range_the_gate_opens_evenly(model, make_window):
    window = make_window(seed=1)
    noisy = torch.cat([window[:, :, :4], drawn(window[:, :, 4:].shape)], dim=2)
    memory = written(model, window)
    text = model.text_encoder.encode([TEXT])
    familiar = float(read(memory, window[:, :, :4], text).familiarity_B)
    assert familiar == pytest.approx(1, abs=1e-3)
    plain = asked(written(model, window, retrieval_range=None), noisy, 500)
    half = asked(written(model, window, retrieval_range=(familiar - 1, familiar + 1)), noisy, 500)
    torch.testing.assert_close(half, plain.lerp(window[:, :, 4:], 0.5), atol=1e-3, rtol=1e-3)


def test_an_empty_memory_recalls_nothing_however_familiar_the_slow_weights_find_all(
    model, make_window
):
    with torch.no_grad():
        model.denoiser.recall.layer.weight[-1] += 1
    window = make_window(seed=2)
    noisy = torch.cat([window[:, :, :4], drawn(window[:, :, 4:].shape)], dim=2)
    memory = FastWeights(model, default(model))
    text = model.text_encoder.encode([TEXT])
    levels = torch.tensor([[0] * 4 + [900] * 4])
    with torch.no_grad():
        slow = model.denoiser(noisy, levels, text)[:, :, 4:]
    assert torch.equal(asked(memory, noisy, 900), slow)
    assert float(read(memory, window[:, :, :4], text).familiarity_B) == 0


def test_another_past_is_recalled_anew(model, make_window):
    first, second = make_window(seed=1), make_window(seed=2)
    memory = FastWeights(model, replace(default(model), ridge=1e-6))
    for window in (first, second):
        memory.observe(window, [TEXT], past_frames=4)
    text = model.text_encoder.encode([TEXT])
    for window in (first, second, first):
        noisy = torch.cat([window[:, :, :4], drawn(window[:, :, 4:].shape)], dim=2)
        with torch.no_grad():
            predict = read(memory, window[:, :, :4], text)
            found = predict(noisy, torch.tensor([[0] * 4 + [700] * 4]))[:, :, 4:]
        torch.testing.assert_close(found, window[:, :, 4:], atol=1e-2, rtol=1e-2)


def test_familiarity_is_what_the_fast_weights_add():
    scores = torch.tensor([0.4, 0.7, 1.0, 1.2, 0.1])
    found = familiarity(scores, torch.full((5,), 0.4))
    torch.testing.assert_close(found, torch.tensor([0.0, 0.5, 1.0, 1.0, 0.0]))


def test_a_range_without_a_recall_layer_is_refused():
    with pytest.raises(UnknownNameError, match=r"'retrieval_range'\. Known: anchor, betas,"):
        override(gradient(), "retrieval_range=[0.5, 0.9]")
    with pytest.raises(ConfigError, match="two rising numbers"):
        RidgeConfig(retrieval_range=(0.9, 0.9))
