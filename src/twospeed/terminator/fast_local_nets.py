"""All local slow nets of a block as one: J nets side by side, points padded to the largest kernel.

Padded points have waves, map and hidden values of 0, so they take part in no norm and no kernel.
Axes: J nets, B samples (1 when the batch shares its kernels), h hidden units, P padded points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.terminator.fast_slow_nets import waves_of
from twospeed.terminator.local_net import ContextConfig, LocalSlowNet
from twospeed.terminator.resampling import resampling_matrix
from twospeed.terminator.slow_net import apply_matrix

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
    """Averaging matrices (n, k) per axis."""

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

    shift: Tensor | float
    """P, (J, 1, 1, P), or 0."""

    scales: list[tuple[Tensor, Tensor]]
    """α_i and β_i from the second layer on, (J, h, 1, 1)."""

    out: Linear
    """A_o and a_o."""


def plan_local_group(
    nets: Mapping[str, LocalSlowNet], points: Mapping[str, Sequence[Tensor]], sizes: Sequence[int]
) -> LocalGroup | None:
    """Prepare the local nets of a block; None when there are none.

    Args:
        nets: by branch name; all of one width and depth.
        points: coordinates per axis of each kernel.
        sizes: positions per axis of the features.
    """
    if not nets:
        return None
    every = list(nets.values())
    longest = max(net.config.sizes[0] ** len(net.config.sizes) for net in every)
    waves = [[wave.flatten(1) for wave in waves_of(nets[name], points[name])] for name in nets]
    shifts = [net.shift(net.config.sizes) for net in every]
    return LocalGroup(
        context=every[0].context,
        kernel_sizes={name: net.config.sizes for name, net in nets.items()},
        pools={name: pools_of(net, sizes) for name, net in nets.items()},
        reduce=_linear([net.reduce.weight for net in every], [net.reduce.bias for net in every]),
        embed=_linear([net.embed.weight for net in every], [net.embed.bias for net in every]),
        gates=[
            _linear([net.gate_weights[i] for net in every], [net.gate_biases[i] for net in every])
            for i in range(len(every[0].weights))
        ],
        first=_padded([_first(*pair) for pair in zip(every, waves, strict=True)], longest),
        hidden=[
            _linear([net.weights[i] for net in every], [net.biases[i] for net in every])
            for i in range(1, len(every[0].weights))
        ],
        waves=[
            _padded([net_waves[i] for net_waves in waves], longest) for i in range(2, len(waves[0]))
        ],
        shift=_padded([torch.as_tensor(part).reshape(1, -1) for part in shifts], longest),
        scales=[
            (_stack(every, f"alpha_{i + 1}"), _stack(every, f"beta_{i + 1}"))
            for i in range(1, len(every[0].weights))
        ],
        out=_linear([net.out_weight for net in every], [net.out_bias for net in every]),
    )


def _first(net: LocalSlowNet, waves: list[Tensor]) -> Tensor:
    shift = net.shift(net.config.sizes)
    shift = shift.flatten() if isinstance(shift, Tensor) else shift
    u_HN = waves[1] * apply_matrix(net.weights[0], net.biases[0], waves[0]) + shift
    return net.renormalized(u_HN[None], 1)[0]


def _padded(parts: Sequence[Tensor], longest: int) -> Tensor:
    padded = [functional.pad(part, (0, longest - part.shape[1])) for part in parts]
    return torch.stack(padded)[:, :, None]


def _stack(nets: Sequence[LocalSlowNet], name: str) -> Tensor:
    return torch.stack([getattr(net, name) for net in nets])[:, :, None, None]


def _linear(weights: Sequence[Tensor], biases: Sequence[Tensor | None]) -> Linear:
    there = [bias for bias in biases if bias is not None]
    return torch.stack(list(weights)), torch.stack(there)[:, :, None]


def pools_of(net: LocalSlowNet, sizes: Sequence[int]) -> list[Tensor]:
    """Return the matrices that pool features of the given sizes to the kernel's, (n, k) each."""
    kernel_sizes = net.config.sizes
    return [
        resampling_matrix(size, side, like=net.out_weight)
        for size, side in zip(sizes[-len(kernel_sizes) :], kernel_sizes, strict=True)
    ]


def pool_by_matrices(x_BCS: Tensor, pools: Sequence[Tensor]) -> Tensor:
    """Average (B, C, n, ...) to (B, C, k, ...): adaptive pooling as one product per axis."""
    pooled = x_BCS @ pools[-1].to(x_BCS.dtype)
    if len(pools) == 1:
        return pooled
    flat = pooled.flatten(0, 1)
    rows = pools[0].to(x_BCS.dtype).mT.expand(len(flat), -1, -1)
    return torch.bmm(rows, flat).view(*x_BCS.shape[:2], rows.shape[1], -1)


def draw_local_group(group: LocalGroup, sources: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the kernels of all local branches, (B or 1, C, *k) by name.

    Args:
        group: from `plan_local_group`.
        sources: what each kernel is drawn from, (B, C, *S), frames as samples.
    """
    pooled_JCBP = contexts(group, sources)
    num_samples, longest = pooled_JCBP.shape[2:]
    zeta_JHN = _apply(group.embed, _apply(group.reduce, pooled_JCBP.flatten(2)))
    zeta_JHN = functional.gelu(zeta_JHN)
    hidden = group.first
    for i, gate in enumerate(group.gates):
        if i:
            linear = _apply(group.hidden[i - 1], hidden.flatten(2)).view_as(hidden)
            hidden = renormalized(group, i - 1, group.waves[i - 1] * linear + group.shift)
        hidden = hidden * _apply(gate, zeta_JHN).reshape(*hidden.shape[:2], num_samples, longest)
    drawn = _apply(group.out, hidden.flatten(2)).reshape(len(hidden), -1, num_samples, longest)
    return {
        name: kernel_CBP[:, :, : _count(sides)].transpose(0, 1).reshape(num_samples, -1, *sides)
        for (name, sides), kernel_CBP in zip(group.kernel_sizes.items(), drawn, strict=True)
    }


def _count(sides: tuple[int, ...]) -> int:
    return int(sides[0] ** len(sides))


def _apply(linear: Linear, x_JIN: Tensor) -> Tensor:
    return torch.baddbmm(linear[1], linear[0], x_JIN)


def contexts(group: LocalGroup, sources: Mapping[str, Tensor]) -> Tensor:
    """Return the pooled sources, (J, C, B or 1, P), in the dtype of the nets."""
    like = group.first
    parts = []
    for name, pools in group.pools.items():
        source_BCS = sources[name]
        if group.context.scope == "batch":
            source_BCS = source_BCS.mean(0, keepdim=True)
        if group.context.scope == "none":
            source_BCS = torch.zeros_like(source_BCS[:1])
        pooled_BCP = pool_by_matrices(source_BCS, pools).flatten(2).to(like.dtype)
        pooled_BCP = functional.pad(pooled_BCP, (0, like.shape[3] - pooled_BCP.shape[2]))
        parts.append(pooled_BCP.transpose(0, 1))
    return torch.stack(parts)


def renormalized(group: LocalGroup, layer: int, u_JHBP: Tensor) -> Tensor:
    """Return v = α sg[u] + β u/||u|| of all nets."""
    alpha, beta = group.scales[layer]
    main = u_JHBP.detach() if group.context.stop_gradient else u_JHBP
    return alpha * main + beta * functional.normalize(u_JHBP, dim=3, eps=1e-12)
