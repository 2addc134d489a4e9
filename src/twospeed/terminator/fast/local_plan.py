"""What the local slow nets of a block compute without seeing the data, J nets side by side.

Kernels are padded to the largest one.
Padded points have waves, map and hidden values of 0, so they take part in no norm and no kernel.
Axes: J nets, B samples (1 when the batch shares its kernels), h hidden units, P padded points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.terminator.fast.slow_nets import padded_points, stack, waves_of
from twospeed.terminator.layers.coordinates import PointsOf
from twospeed.terminator.layers.local_net import ContextConfig, LocalSlowNet
from twospeed.terminator.layers.resampling import resampling_matrix

Linear = tuple[Tensor, Tensor]
"""Weights (J, O, I) and biases (J, O, 1)."""


@dataclass(frozen=True, kw_only=True)
class LocalGroup:
    """What the local slow nets of a block compute without seeing the data."""

    context: ContextConfig
    """Shared by all nets."""

    kernel_sizes: dict[str, tuple[int, ...]]
    """Name of each branch -> size of its kernel."""

    pools: dict[str, list[Tensor]]
    """Averaging matrices per axis, (n, largest k)."""

    reduce: Linear
    """R and r."""

    embed: Linear
    """F and f."""

    gates: list[Linear]
    """B_i and b_i."""

    first: Tensor
    """v_1, (J, h, 1, P)."""

    hidden: list[Linear]
    """A_i and a_i from the second layer on."""

    waves: list[Tensor]
    """g_i from the second layer on, (J, h, 1, P)."""

    shift: Tensor
    """P, (J, 1, 1, P)."""

    scales: list[tuple[Tensor, Tensor]]
    """α_i and β_i from the second layer on, (J, h, 1, 1)."""

    out: Linear
    """A_o and a_o."""


def plan_local_groups(
    blocks: Sequence[Mapping[str, LocalSlowNet]], points_of: PointsOf, sizes: Sequence[int]
) -> list[LocalGroup | None]:
    """Prepare the local nets of all blocks at once; None for a block without any.

    Args:
        blocks: per block its nets by branch name; all of one width and depth.
        points_of: coordinates of one axis.
        sizes: positions per axis of the features.
    """
    nets = [net for block in blocks for net in block.values()]
    if not nets:
        return [None] * len(blocks)
    shared = _split(_shared(nets, points_of), [len(block) for block in blocks])
    longest = max(net.config.sizes[0] for net in nets)
    return [
        LocalGroup(
            context=nets[0].context,
            kernel_sizes={name: net.config.sizes for name, net in block.items()},
            pools={name: pools_of(net, sizes, longest) for name, net in block.items()},
            reduce=_linear([(net.reduce.weight, net.reduce.bias) for net in block.values()]),
            out=_linear([(net.out_weight, net.out_bias) for net in block.values()]),
            **parts,
        )
        if block
        else None
        for block, parts in zip(blocks, shared, strict=True)
    ]


def _shared(nets: Sequence[LocalSlowNet], points_of: PointsOf) -> dict[str, Any]:
    """Return the fields of a group that have the same shape for the nets of all blocks."""
    layers = range(len(nets[0].weights))
    waves, shift = _waves_and_shift(nets, points_of)
    scales = [
        tuple(stack([getattr(net, f"{name}_{i + 1}") for net in nets])[:, :, None, None]
              for name in ("alpha", "beta"))
        for i in layers
    ]  # fmt: skip
    hidden = [_linear([(net.weights[i], net.biases[i]) for net in nets]) for i in layers]
    linear = apply_linear(hidden[0], waves[0].flatten(2)).view_as(waves[0])
    u_JHBP = waves[1] * linear + shift
    return {
        "embed": _linear([(net.embed.weight, net.embed.bias) for net in nets]),
        "gates": [
            _linear([(net.gate_weights[i], net.gate_biases[i]) for net in nets]) for i in layers
        ],
        "first": renormalized(u_JHBP, *scales[0], cut=nets[0].context.stop_gradient),
        "hidden": hidden[1:],
        "waves": waves[2:],
        "shift": shift,
        "scales": scales[1:],
    }


def _waves_and_shift(
    nets: Sequence[LocalSlowNet], points_of: PointsOf
) -> tuple[list[Tensor], Tensor]:
    """Return g_i, (J, h, 1, P), and P, (J, 1, 1, P): 0 on the points that pad a kernel."""
    like = nets[0].out_weight
    num_axes, longest = len(nets[0].config.sizes), max(net.config.sizes[0] for net in nets)
    points = padded_points([(points_of(net.config.sizes[0]).to(like.device),) for net in nets])
    sides = [net.config.sizes[0] for net in nets]
    borders = [(0, longest - side) * num_axes for side in sides]
    ones = {side: like.new_ones((side,) * num_axes) for side in set(sides)}
    masks = {side: functional.pad(ones[side], (0, longest - side) * num_axes) for side in ones}
    inside_J1P = stack([masks[side] for side in sides]).flatten(1)[:, None]
    maps = [torch.as_tensor(net.shift(net.config.sizes)).to(like) for net in nets]
    shifts = [
        functional.pad(part.expand(net.config.sizes), border)
        for net, part, border in zip(nets, maps, borders, strict=True)
    ]
    waves = [(wave * inside_J1P)[:, :, None] for wave in waves_of(nets, points * num_axes)]
    return waves, stack(shifts).flatten(1)[:, None, None]


def _split(value: Any, counts: Sequence[int]) -> list[Any]:
    """Cut every tensor of a nested value along its first axis; one nested value per count."""
    if isinstance(value, Tensor):
        return list(value.split(list(counts)))
    parts = value.values() if isinstance(value, dict) else value
    columns = [_split(part, counts) for part in parts]
    rows = [[column[i] for column in columns] for i in range(len(counts))]
    if isinstance(value, dict):
        return [dict(zip(value, row, strict=True)) for row in rows]
    return [type(value)(row) for row in rows]


def _linear(pairs: Sequence[tuple[Tensor, Tensor | None]]) -> Linear:
    biases = [bias for _, bias in pairs if bias is not None]
    return stack([weight for weight, _ in pairs]), stack(biases)[:, :, None]


def pools_of(net: LocalSlowNet, sizes: Sequence[int], longest: int) -> list[Tensor]:
    """Return the matrices that pool features to the kernel's size, (n, longest), zeros behind."""
    kernel_sizes = net.config.sizes
    matrices = [
        resampling_matrix(size, side, like=net.out_weight)
        for size, side in zip(sizes[-len(kernel_sizes) :], kernel_sizes, strict=True)
    ]
    return [functional.pad(matrix, (0, longest - matrix.shape[1])) for matrix in matrices]


def apply_linear(linear: Linear, x_JIN: Tensor) -> Tensor:
    """Return weight·x + bias of all nets, (J, O, N)."""
    return torch.baddbmm(linear[1], linear[0], x_JIN)


def renormalized(u_JHBP: Tensor, alpha: Tensor, beta: Tensor, *, cut: bool) -> Tensor:
    """Return v = α sg[u] + β u/||u|| of all nets; without `cut`, the gradient is not stopped."""
    main = u_JHBP.detach() if cut else u_JHBP
    return alpha * main + beta * functional.normalize(u_JHBP, dim=3, eps=1e-12)
