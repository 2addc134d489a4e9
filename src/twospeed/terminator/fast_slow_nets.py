"""Slow nets sooner: waves from one axis at a time, pooling as two small products.

sin(a + b) = sin a·cos b + cos a·sin b: the wave of a grid is made of waves of its axes, so an S x S
grid takes 2·S sines per hidden unit instead of S².
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.terminator.channel_linear import mix_channels
from twospeed.terminator.local_net import LocalSlowNet
from twospeed.terminator.resampling import resampling_matrix
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
            (far[1] * near[1] - far[0] * near[0]).view(sizes)
            if axis + 1 < len(points)
            else cosine,
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


@dataclass(frozen=True, kw_only=True)
class LocalPlan:
    """What a local slow net computes without seeing the data."""

    first: Tensor
    """u_1 before the renormalization's output meets the context: v_1, (1, h, k...) flattened."""

    waves: list[Tensor]
    """g_2 ... g_L, (h, k...) flattened."""

    shift: Tensor | float
    """P flattened, or 0."""

    pools: list[Tensor]
    """Averaging matrices of the pooling, (n, k) per axis."""


def plan_local(net: LocalSlowNet, points: Sequence[Tensor], sizes: Sequence[int]) -> LocalPlan:
    """Prepare a local net for a source of the given position sizes."""
    kernel_sizes = tuple(len(axis) for axis in points)
    waves = [wave.flatten(1) for wave in waves_of(net, points)]
    shift = net.shift(kernel_sizes)
    shift = shift.flatten() if isinstance(shift, Tensor) else shift
    u_HN = waves[1] * apply_matrix(net.weights[0], net.biases[0], waves[0]) + shift
    return LocalPlan(
        first=net.renormalized(u_HN[None], 1),
        waves=waves[2:],
        shift=shift,
        pools=[
            resampling_matrix(size, side, like=net.out_weight)
            for size, side in zip(sizes, kernel_sizes, strict=True)
        ],
    )


def pool_by_matrices(x_BCS: Tensor, pools: Sequence[Tensor]) -> Tensor:
    """Average (B, C, n, ...) to (B, C, k, ...): adaptive pooling as one product per axis."""
    for axis, matrix in enumerate(pools, start=2):
        last = x_BCS.movedim(axis, -1)
        x_BCS = (last @ matrix.to(x_BCS.dtype)).movedim(-1, axis)
    return x_BCS


def draw_local_kernels(net: LocalSlowNet, plan: LocalPlan, source_BCS: Tensor) -> Tensor:
    """Return the kernels of a local net, (B or 1, C, *k)."""
    sizes = net.config.sizes
    if net.context.scope == "none":
        source_BCS = source_BCS.new_zeros(1, source_BCS.shape[1], *source_BCS.shape[2:])
    elif net.context.scope == "batch":
        source_BCS = source_BCS.mean(0, keepdim=True)
    pooled_BCN = pool_by_matrices(source_BCS, plan.pools).flatten(2).to(net.out_weight.dtype)
    zeta_BHN = functional.gelu(net.embed(net.reduce(pooled_BCN)))
    hidden_BHN = plan.first
    for i in range(len(net.weights)):
        gate_BHN = mix_channels(zeta_BHN, net.gate_weights[i], net.gate_biases[i])
        if i:
            linear_BHN = mix_channels(hidden_BHN, net.weights[i], net.biases[i])
            u_BHN = plan.waves[i - 1] * linear_BHN + plan.shift
            hidden_BHN = net.renormalized(u_BHN, i + 1)
        hidden_BHN = hidden_BHN * gate_BHN
    kernels_BCN = mix_channels(hidden_BHN, net.out_weight, net.out_bias)
    return kernels_BCN.reshape(*kernels_BCN.shape[:2], *sizes)

