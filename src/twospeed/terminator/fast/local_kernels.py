"""The kernels of all local branches of a block, drawn side by side."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.terminator.fast.local_plan import LocalGroup, apply_linear, renormalized
from twospeed.terminator.fast.operations import Operations


def draw_local_group(
    group: LocalGroup, sources: Mapping[str, Tensor], ops: Operations
) -> dict[str, Tensor]:
    """Return the kernels of all local branches, (B or 1, C, *k) by name.

    Args:
        group: from `plan_local_groups`.
        sources: what each kernel is drawn from, (B, C, *S), frames as samples.
        ops: pools the sources.
    """
    pooled_JCBP = contexts(group, sources, ops)
    num_samples, longest = pooled_JCBP.shape[2:]
    zeta_JHN = apply_linear(group.embed, apply_linear(group.reduce, pooled_JCBP.flatten(2)))
    zeta_JHN = functional.gelu(zeta_JHN)
    hidden = group.first
    for i, gate in enumerate(group.gates):
        if i:
            linear = apply_linear(group.hidden[i - 1], hidden.flatten(2)).view_as(hidden)
            u_JHBP = group.waves[i - 1] * linear + group.shift
            cut = group.context.stop_gradient
            hidden = renormalized(u_JHBP, *group.scales[i - 1], cut=cut)
        gate_JHN = apply_linear(gate, zeta_JHN)
        hidden = hidden * gate_JHN.reshape(*hidden.shape[:2], num_samples, longest)
    drawn_JCN = apply_linear(group.out, hidden.flatten(2))
    drawn = drawn_JCN.reshape(len(hidden), -1, num_samples, longest)
    return {
        name: _unpadded(kernel_CBP, sides)
        for (name, sides), kernel_CBP in zip(group.kernel_sizes.items(), drawn, strict=True)
    }


def _unpadded(kernel_CBP: Tensor, sides: tuple[int, ...]) -> Tensor:
    longest = round(kernel_CBP.shape[2] ** (1 / len(sides)))
    kernel_CBS = kernel_CBP.reshape(*kernel_CBP.shape[:2], *(longest,) * len(sides))
    for axis, side in enumerate(sides):
        kernel_CBS = kernel_CBS.narrow(2 + axis, 0, side)
    return kernel_CBS.transpose(0, 1).contiguous()


def contexts(group: LocalGroup, sources: Mapping[str, Tensor], ops: Operations) -> Tensor:
    """Return the pooled sources, (J, C, B or 1, P), in the dtype of the nets."""
    like = group.first
    summed = group.context.scope == "batch"
    parts = []
    for name, pools in group.pools.items():
        source_BCS = sources[name]
        if group.context.scope == "none":
            source_BCS = torch.zeros_like(source_BCS[:1])
        pooled_BCP = ops.pool(source_BCS, pools, summed=summed).flatten(2).to(like.dtype)
        # a mean taken after the pool is cheaper
        parts.append(pooled_BCP.transpose(0, 1) / (len(source_BCS) if summed else 1))
    return torch.stack(parts)
