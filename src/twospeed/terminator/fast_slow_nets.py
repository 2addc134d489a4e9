"""Slow nets sooner: waves of a grid from waves of its axes.

sin(a + b) = sin a·cos b + cos a·sin b: the wave of a grid is made of waves of its axes, so an S x S
grid takes 2·S sines per hidden unit instead of S².
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from twospeed.terminator.slow_net import FilterNet, SlowNet, apply_matrix


def waves_of(net: FilterNet, points: Sequence[Tensor]) -> list[Tensor]:
    """Return every g_i = sin(Ω_i c + ψ_i) on the grid of `points`, each (h, *S).

    Args:
        net: the slow net.
        points: coordinates of each axis, (n,) each.
    """
    return [
        _wave(frequency, phase, points).to(net.out_weight.dtype)
        for frequency, phase in zip(net.frequencies, net.phases, strict=True)
    ]


def _wave(frequency_HD: Tensor, phase_H: Tensor, points: Sequence[Tensor]) -> Tensor:
    kind = frequency_HD.dtype
    sine = cosine = torch.empty(0)
    for axis, points_N in enumerate(points):
        angle_HN = frequency_HD[:, axis, None].double() * points_N.double()
        if axis == 0:
            angle_HN = angle_HN + phase_H[:, None].double()
            sine, cosine = torch.sin(angle_HN).to(kind), torch.cos(angle_HN).to(kind)
            continue
        near = (torch.sin(angle_HN).to(kind)[:, None], torch.cos(angle_HN).to(kind)[:, None])
        far = (sine.flatten(1)[..., None], cosine.flatten(1)[..., None])
        sizes = (*sine.shape, -1)
        sine, cosine = (
            (far[0] * near[1] + far[1] * near[0]).view(sizes),
            (far[1] * near[1] - far[0] * near[0]).view(sizes) if axis + 1 < len(points) else cosine,
        )
    return sine


def draw_kernel(net: SlowNet, points: Sequence[Tensor]) -> Tensor:
    """Return what `net` draws on the grid of `points`, (outputs, *S)."""
    sizes = tuple(len(axis) for axis in points)
    waves, shift_S = waves_of(net, points), net.shift(sizes)
    hidden_HS = waves[0]
    for i, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
        hidden_HS = waves[i + 1] * apply_matrix(weight, bias, hidden_HS) + shift_S
    return apply_matrix(net.out_weight, net.out_bias, hidden_HS)
