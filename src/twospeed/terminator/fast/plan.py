"""What a block can prepare before it sees data: hyper-kernels, folded and stacked weights.

W_Q W_V is folded, linears with a common input are stacked, the maps P_r pass through
W_Y ahead of time, and the weights of a tiled earlier output are summed instead of tiling it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from twospeed.terminator.block import SFNEBlock
from twospeed.terminator.fast.local_plan import LocalGroup, plan_local_groups
from twospeed.terminator.fast.moments import fixed_statistics
from twospeed.terminator.fast.slow_nets import Request, draw_kernels
from twospeed.terminator.layers.branches import LocalBranch
from twospeed.terminator.layers.channel_linear import ChannelLinear
from twospeed.terminator.layers.coordinates import PointsOf
from twospeed.terminator.layers.gated_unit import RecursiveGatedUnit
from twospeed.terminator.layers.position_statistics import EPSILON
from twospeed.terminator.layers.slow_net import resized_map

Affine = tuple[Tensor, Tensor]
"""Weight (O, C) and bias (O, 1)."""


@dataclass(frozen=True, kw_only=True)
class BlockPlan:
    """Everything of a block that depends on weights and sizes alone."""

    kernel: Tensor
    """K, (C, *S)."""

    hci: Tensor
    """κ of HCI, (C,)."""

    hi_channel: Tensor
    """κ_c of HI, (C,)."""

    hi_spatial: Tensor
    """κ_s of HI, (*S)."""

    slow: Affine
    """W_K over W_Q W_V of the slow gated unit, acting on Z: (2C, C)."""

    fast: Affine
    """The same of the fast gated unit, acting on x: (2C, C)."""

    mixer: Tensor
    """W_m, (C, C); its bias goes, IS removes it."""

    outs: tuple[Tensor, Tensor]
    """W_Y of both gated units, (C, C) each."""

    out_map: Tensor | None
    """What P_r adds to their sum, (C, N); None without maps."""

    locals: LocalGroup | None
    """The data-free part of the local slow nets; None without local branches."""

    local_mixers: dict[str, tuple[Tensor, Tensor | None]]
    """Per local branch: W_l, and fixed statistics of BS folded into it and a bias (C, 1)."""

    bottleneck: dict[str, Tensor]
    """Per branch: its columns of W_b, (λC, C), summed for tiled outputs."""

    bottleneck_bias: Tensor | None
    """What biases and scalars add before G-IBS, (λC, 1); None where statistics remove it."""


def plan_blocks(blocks: Sequence[SFNEBlock], sizes: Sequence[int]) -> list[BlockPlan]:
    """Prepare all blocks of a network; differentiable when gradients are on.

    Args:
        blocks: of one network: they share widths of their slow nets and the rule for coordinates.
        sizes: positions per axis.
    """
    points_of = _remembered(blocks[0].points_of, blocks[0].shift.device)
    points = tuple(points_of(size) for size in sizes)
    requests: list[Request] = []
    for block in blocks:
        line = (points_of(block.shape.channels),)
        requests += [(block.global_slow, points), (block.hi.spatial_net, points)]
        requests += [(block.hci.slow_net, line), (block.hi.channel_net, line)]
    kernels = iter(draw_kernels(requests))
    nets = [{name: branch.slow_net for name, branch in local_branches(block)} for block in blocks]
    groups = plan_local_groups(nets, points_of, sizes)
    return [
        BlockPlan(
            kernel=next(kernels) * block.resolution_factor(sizes),
            hi_spatial=next(kernels)[0],
            hci=next(kernels)[0],
            hi_channel=next(kernels)[0],
            slow=gated_unit_input(block.rgu_slow),
            fast=gated_unit_input(block.rgu_fast),
            mixer=block.mixer.weight,
            outs=(block.rgu_slow.out.weight, block.rgu_fast.out.weight),
            out_map=gated_units_map(block, sizes),
            locals=group,
            local_mixers={name: folded_mixer(branch) for name, branch in local_branches(block)},
            bottleneck=bottleneck_columns(block),
            bottleneck_bias=bottleneck_bias(block),
        )
        for block, group in zip(blocks, groups, strict=True)
    ]


def _remembered(points_of: PointsOf, device: torch.device) -> PointsOf:
    """Make each axis once; a dictionary, as torch.compile cannot trace the making of a cache."""
    known: dict[int, Tensor] = {}

    def remembered(count: int) -> Tensor:
        if count not in known:
            known[count] = points_of(count).to(device)
        return known[count]

    return remembered


def local_branches(block: SFNEBlock) -> list[tuple[str, LocalBranch]]:
    """Return the local branches of a block with their names."""
    return [(name, cast(LocalBranch, branch)) for name, branch in block.locals.items()]


def _bias_of(linear: ChannelLinear, *, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if linear.bias is None else linear.bias


def gated_unit_input(unit: RecursiveGatedUnit) -> Affine:
    """Return W_K over W_Q W_V, (2C, C), and the biases, (2C, 1)."""
    like = unit.key.weight[:, 0]
    query_bias = _bias_of(unit.query, like=like)
    folded_bias = unit.query.weight @ _bias_of(unit.value, like=like) + query_bias
    return (
        torch.cat([unit.key.weight, unit.query.weight @ unit.value.weight]),
        torch.cat([_bias_of(unit.key, like=like), folded_bias])[:, None],
    )


def gated_units_map(block: SFNEBlock, sizes: Sequence[int]) -> Tensor | None:
    """Return W_Y P_r summed over both gated units; constants go, IS removes them."""
    maps = [
        unit.out.weight.sum(1)[:, None] * resized_map(unit.bias_map, sizes).flatten()
        for unit in (block.rgu_slow, block.rgu_fast)
        if unit.bias_map is not None
    ]
    return maps[0] + maps[1] if maps else None


def folded_mixer(branch: LocalBranch) -> tuple[Tensor, Tensor | None]:
    """Return W_l; where the statistics of BS are fixed, with BS folded in, and its bias (C, 1)."""
    fixed = fixed_statistics(branch.standardize)
    if fixed is None:
        return branch.mixer.weight, None
    mean_C, variance_C = fixed
    scale_C = torch.rsqrt(variance_C + EPSILON)
    bias_C = _bias_of(branch.mixer, like=mean_C)
    return branch.mixer.weight * scale_C[:, None], ((bias_C - mean_C) * scale_C)[:, None]


def bottleneck_columns(block: SFNEBlock) -> dict[str, Tensor]:
    """Return the columns of W_b by branch; W·tile(e) = (sum of the slices of W)·e.

    Those of an identity gate 2σ(...)·x take the 2.
    """
    channels = block.shape.channels
    earlier = dict(zip(("e1", "e2"), block.shape.earlier_channels, strict=True))
    columns = {}
    for name, weight in zip(
        block.branches, torch.split(block.bottleneck.weight, channels, 1), strict=True
    ):
        width = earlier.get(name, channels)
        columns[name] = (
            weight.reshape(len(weight), -1, width).sum(1) if width < channels else weight
        )
    if "hi" in columns and block.config.gate == "identity":
        columns["hi"] = 2 * columns["hi"]
    return columns


def bottleneck_bias(block: SFNEBlock) -> Tensor | None:
    """Return the constant before G-IBS; it matters only with fixed statistics."""
    if not block.config.idle_biases or block.config.statistics != "running":
        return None
    bias = _bias_of(block.bottleneck, like=block.bottleneck.weight[:, 0])
    columns = bottleneck_columns(block)
    for name, branch in local_branches(block):
        if branch.shift is not None:
            bias = bias + branch.shift * columns[name].sum(1)
    return bias[:, None]
