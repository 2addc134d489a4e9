"""The preset `paper` against Algorithm 1(a) of SlowFast-VGen, written as plainly as can be."""

import math

import pytest
import torch

from twospeed.core.random import generator_of
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.presets import paper

CHUNKS = 3


def adapted(layer, down, up):
    """Return W x + b + up down x."""
    return lambda x: torch.nn.functional.linear(x, layer.weight + up @ down, layer.bias)


def plain_algorithm(model, windows, targets):
    """For each chunk: noise past ⊕ new, one Adam step on the error of all frames, no text."""
    layers = {name: layer for name, layer in model.denoiser.named_modules() if name in targets}
    weights = {}
    for name, layer in layers.items():
        bound = math.sqrt(3 / layer.in_features)
        draws = torch.rand(32, layer.in_features, generator=generator_of("adapter", name))
        down = ((2 * draws - 1) * bound).double().requires_grad_()
        up = torch.zeros(layer.out_features, 32, dtype=torch.float64, requires_grad=True)
        weights[name] = (down, up)
        layer.forward = adapted(layer, down, up)
    ordered = [pair[0] for pair in weights.values()] + [pair[1] for pair in weights.values()]
    optimizer = torch.optim.Adam(ordered, lr=1e-4)
    no_text = model.text_encoder.encode([""]).double()
    losses = []
    for chunk, clean in enumerate(windows):
        generator = generator_of(0, "write", chunk, 0)
        noise = torch.randn((1, *clean.shape[1:]), generator=generator).double()
        torch.randperm(1, generator=generator)  # the order of the noise levels: there is one
        level = 1 + int(torch.rand(1, generator=generator) * 1000)
        signal = model.schedule.signals[level].double()
        noisy = signal.sqrt() * clean + (1 - signal).sqrt() * noise
        target = signal.sqrt() * noise - (1 - signal).sqrt() * clean
        levels = torch.full((1, clean.shape[2]), level)
        loss = (model.denoiser(noisy, levels, no_text) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    for layer in layers.values():
        del layer.forward
    return losses, {name: up.detach() @ down.detach() for name, (down, up) in weights.items()}


@pytest.mark.parametrize("kind", ["transformer", "unet3d"])
def test_the_paper_preset_is_algorithm_1a_in_float64(make_model, make_window, kind):
    model = make_model(denoiser=kind)
    model.denoiser.double()
    model.schedule.prediction_type = "v_prediction"
    windows = [make_window(seed=chunk, dtype=torch.float64) for chunk in range(CHUNKS)]
    memory = FastWeights(model, paper(), seeds=(0,))
    records = [memory.observe(w, ["turn left"], past_frames=4)[0] for w in windows]
    losses, deltas = plain_algorithm(model, windows, set(memory.adapters.up))
    assert [record.loss_before for record in records] == pytest.approx(losses, rel=1e-9)
    for name, delta in deltas.items():
        ours = (memory.adapters.up[name] @ memory.adapters.down[name])[0].detach()
        torch.testing.assert_close(ours, delta, rtol=1e-7, atol=1e-12)
    assert memory.config.rank == 32
    assert memory.config.updates_per_chunk == 1
