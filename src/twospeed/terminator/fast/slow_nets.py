"""Slow nets sooner: nets of one size side by side, waves of a grid from waves of its axes.

sin(a + b) = sin a·cos b + cos a·sin b: the waves of a grid are products of n x 2 and 2 x n
matrices, so an S x S grid takes 2·S sines per hidden unit instead of S².

Axes: L filters or layers, J nets, h hidden units, P positions.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.terminator.layers.slow_net import FilterNet, SlowNet

Request = tuple[SlowNet, tuple[Tensor, ...]]
"""A net, and the points (n,) of each axis of its grid."""


def draw_kernels(requests: Sequence[Request]) -> list[Tensor]:
    """Return what every net draws on its grid, (outputs, *S) each, in the order of the requests."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for number, (net, points) in enumerate(requests):
        grid = [len(axis) for axis in points] if len(points) > 1 else []
        groups.setdefault((net.config.width, len(net.weights), *grid), []).append(number)
    drawn: dict[int, Tensor] = {}
    for numbers in groups.values():
        kernels = draw_group([requests[number] for number in numbers])
        drawn.update(zip(numbers, kernels, strict=True))
    return [drawn[number] for number in range(len(requests))]


def draw_group(requests: Sequence[Request]) -> list[Tensor]:
    """Draw nets of one width and depth: on one grid of two or more axes, or on a line each."""
    nets = [net for net, _ in requests]
    sizes = [tuple(len(axis) for axis in points) for _, points in requests]
    waves = waves_of(nets, padded_points([points for _, points in requests]))
    hidden_JHP, *later = waves
    shift_J1P = shifts_of(nets, sizes, waves[0].shape[2])
    for i, wave_JHP in enumerate(later):
        linear_JHP = torch.baddbmm(
            stack([net.biases[i] for net in nets])[:, :, None],
            stack([net.weights[i] for net in nets]),
            hidden_JHP,
        )
        hidden_JHP = wave_JHP * linear_JHP + shift_J1P
    return [
        torch.addmm(net.out_bias[:, None], net.out_weight, hidden_HP)[:, : size[0]].clone()
        if len(size) == 1
        else torch.addmm(net.out_bias[:, None], net.out_weight, hidden_HP).view(-1, *size)
        for net, size, hidden_HP in zip(nets, sizes, hidden_JHP.unbind(), strict=True)
    ]


def stack(tensors: Sequence[Tensor]) -> Tensor:
    """Return the tensors side by side, on a new first axis."""
    return torch.stack(list(tensors))


def padded_points(points: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """Return per axis the points of all nets, (J, n), zeros behind the shorter ones."""
    columns = []
    for axis in zip(*points, strict=True):
        longest = max(len(line) for line in axis)
        columns.append(stack([functional.pad(line, (0, longest - len(line))) for line in axis]))
    return columns


def shifts_of(nets: Sequence[FilterNet], sizes: Sequence[tuple[int, ...]], length: int) -> Tensor:
    """Return the maps P of all nets, (J, 1, length), 0 where a net has none."""
    maps = []
    for net, size in zip(nets, sizes, strict=True):
        shift = net.shift(size)
        flat = shift.flatten() if isinstance(shift, Tensor) else net.out_bias.new_zeros(length)
        maps.append(functional.pad(flat, (0, length - len(flat))))
    return stack(maps)[:, None]


def waves_of(nets: Sequence[FilterNet], points: Sequence[Tensor]) -> list[Tensor]:
    """Return every g_i = sin(Ω_i c + ψ_i) of nets of one width and depth, (J, h, P) each.

    Args:
        nets: J slow nets.
        points: coordinates of each axis, (J, n) each; P is the product of all n.
    """
    sines, cosines = tables_of(nets, points)
    if len(points) == 1:
        return list(sines[0].unbind())
    left_LJHN2 = torch.stack((sines[0], cosines[0]), -1)
    for sine, cosine in zip(sines[1:-1], cosines[1:-1], strict=True):
        of_sine = left_LJHN2 @ torch.stack((cosine, sine), -2)
        of_cosine = left_LJHN2 @ torch.stack((-sine, cosine), -2)
        left_LJHN2 = torch.stack((of_sine.flatten(3), of_cosine.flatten(3)), -1)
    right_LJH2N = torch.stack((cosines[-1], sines[-1]), -2)
    pairs = zip(left_LJHN2.unbind(), right_LJH2N.unbind(), strict=True)
    return [(left @ right).flatten(2) for left, right in pairs]


def tables_of(
    nets: Sequence[FilterNet], points: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """Return sines and cosines of the phases along every axis, (L, J, h, n); ψ is in the first."""
    kind, num_filters = nets[0].out_weight.dtype, len(nets[0].frequencies)
    frequencies = by_layer([net.frequencies for net in nets])
    phases = by_layer([net.phases for net in nets])
    frequency_LJHD = stack(frequencies).double().unflatten(0, (num_filters, -1))
    phase_LJH1 = stack(phases).double().unflatten(0, (num_filters, -1))[..., None]
    sines, cosines = [], []
    for axis, points_JN in enumerate(points):
        angle_LJHN = frequency_LJHD[..., axis, None] * points_JN.double()[:, None]
        if axis == 0:
            angle_LJHN = angle_LJHN + phase_LJH1
        sines.append(torch.sin(angle_LJHN).to(kind))
        cosines.append(torch.cos(angle_LJHN).to(kind))
    return sines, cosines


def by_layer(lists: Sequence[Iterable[Tensor]]) -> list[Tensor]:
    """Return what J nets have per layer in one list: layer by layer, net by net."""
    return [part for layer in zip(*lists, strict=True) for part in layer]
