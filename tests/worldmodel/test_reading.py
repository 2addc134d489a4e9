"""What a chunk needs is found once, however many steps its sampler takes."""

from dataclasses import replace

import pytest
import torch

from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.presets import default, gradient
from twospeed.worldmodel.reading import Reading


class Counted:
    """Wraps a function and counts its calls and, by its last argument, the clips of each."""

    def __init__(self, function):
        self.function, self.clips = function, []

    def __call__(self, *arguments):
        self.clips.append(len(arguments[-1]))
        return self.function(*arguments)


@pytest.fixture
def window():
    return torch.randn(2, 8, 8, 4, 4, generator=torch.Generator().manual_seed(5))


def generate(model, window, memory=None):
    seeds = [(1, 0), (1, 1)]
    actions = ["turn left", "go forward"]
    return model.generate(window[:, :, :4], actions, seeds, fast_weights=memory)


@pytest.mark.parametrize("remembers", [False, True])
def test_keys_are_drawn_and_texts_encoded_once_a_chunk(model, window, monkeypatch, remembers):
    memory = FastWeights(model, default(model), seeds=(1, 2)) if remembers else None
    model.settings = replace(model.settings, sampling_steps=5)
    keys = Counted(model.denoiser.recall.keys)
    texts = Counted(model.text_encoder.encode)
    monkeypatch.setattr(model.denoiser.recall, "keys", keys)
    monkeypatch.setattr(model.text_encoder, "encode", texts)
    generate(model, window, memory)
    assert keys.clips == [2]
    assert texts.clips == [3]  # the actions, and no action
    model.settings = replace(model.settings, guidance=1.0, guided_from=500)
    generate(model, window, memory)
    assert keys.clips == [2, 2, 2]  # told the actions, and told none
    assert texts.clips == [3, 3]


@pytest.mark.parametrize("kind", ["transformer", "unet3d"])
def test_what_was_read_before_is_what_the_denoiser_reads_itself(make_model, window, kind):
    model = make_model(denoiser=kind)
    level = torch.tensor([[0] * 4 + [700] * 4, [0] * 4 + [300] * 4])
    text = model.text_encoder.encode(["turn left", "go forward"])
    with torch.no_grad():
        reading = Reading.of(model.denoiser, window[:, :, :4], text)
        assert torch.equal(reading(window, level), model.denoiser(window, level, text))
        both = reading.beside(reading)(window.repeat(2, 1, 1, 1, 1), level.repeat(2, 1))
    torch.testing.assert_close(both[2:], model.denoiser(window, level, text))


def test_one_past_frame_is_read_as_it_is_while_sampling(model, window):
    level = torch.tensor([[0] + [700] * 4] * 2)
    text = model.text_encoder.encode(["turn left", "go forward"])
    with torch.no_grad():
        reading = Reading.of(model.denoiser, window[:, :, :1], text)
        short = window[:, :, :5]
        assert torch.equal(reading(short, level), model.denoiser(short, level, text))


def test_what_is_wholly_familiar_is_not_guided(model, window, monkeypatch):
    config = replace(default(model), ridge=1e-6, retrieval_range=None)
    memory = FastWeights(model, config, seeds=(1, 2))
    memory.observe(window, ["turn left", "go forward"], past_frames=4)
    with torch.no_grad():
        for up in memory.adapters.up.values():
            up[:, -1] *= 2  # nothing could be more familiar
    model.settings = replace(model.settings, sampling_steps=2, guidance=1.0, guided_from=0)
    calls = Counted(model.denoiser.forward)
    monkeypatch.setattr(model.denoiser, "forward", calls)
    guided = generate(model, window, memory)
    assert calls.clips == [2, 2]
    model.settings = replace(model.settings, guidance=0.0)
    assert torch.equal(guided, generate(model, window, memory))


def test_layers_before_the_keys_may_be_adapted(model, window):
    memory = FastWeights(model, replace(gradient(), targets=("to_key.1",)), seeds=(1, 2))
    memory.observe(window, ["turn left", "go forward"], past_frames=4)
    text = model.text_encoder.encode(["turn left", "go forward"])
    level = torch.tensor([[0] * 4 + [700] * 4] * 2)
    with torch.no_grad():
        slow = Reading.of(model.denoiser, window[:, :, :4], text)
        found = memory.read(slow)(window, level)
        memory.attach()
        expected = model.denoiser(window, level, text)
        memory.detach()
        assert torch.equal(found, expected)
        assert not torch.equal(found, slow(window, level))
