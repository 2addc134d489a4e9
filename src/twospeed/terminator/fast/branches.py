"""The branches of a block one after another, each gone as soon as the bottleneck has taken it.

Tiled earlier outputs come untiled, local branches without their idle scalars.
"""

from collections.abc import Iterator, Mapping
from itertools import chain

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.terminator.block import SFNEBlock
from twospeed.terminator.fast.elementwise import gelu
from twospeed.terminator.fast.local_kernels import draw_local_group
from twospeed.terminator.fast.moments import fixed_statistics
from twospeed.terminator.fast.operations import Operations
from twospeed.terminator.fast.plan import BlockPlan, local_branches
from twospeed.terminator.fast.standardize import standardize_batch
from twospeed.terminator.layers.branches import as_frames, from_frames
from twospeed.terminator.layers.gates import HyperInteraction

Operands = Mapping[str, Tensor]
"""x, m and q, (B, C, *S) each: what kernels are drawn from and act on."""


def sum_parts(
    block: SFNEBlock,
    plan: BlockPlan,
    x_BCS: Tensor,
    earlier: Mapping[str, Tensor],
    ops: Operations,
) -> Tensor:
    """Return what the bottleneck makes of all branches, (B, λC, N), before G-IBS."""
    operands = operands_of(block, plan, x_BCS, ops)
    parts = chain(
        earlier.items(),
        global_parts(block, plan, operands, ops),
        local_parts(block, plan, operands, ops),
    )
    terms = ((plan.bottleneck[name], part.flatten(2)) for name, part in parts)
    return ops.combine(terms, plan.bottleneck_bias)


def operands_of(block: SFNEBlock, plan: BlockPlan, x_BCS: Tensor, ops: Operations) -> Operands:
    """Return x, m and q."""
    x_BCN = x_BCS.flatten(2)
    mixed_BCN = ops.combine([(plan.mixer, x_BCN)])
    return {
        "x": x_BCS,
        "m": ops.standardize_rows(mixed_BCN).view_as(x_BCS),
        "q": gated_channels(block, plan, x_BCN, ops).view_as(x_BCS),
    }


def global_parts(
    block: SFNEBlock, plan: BlockPlan, operands: Operands, ops: Operations
) -> Iterator[tuple[str, Tensor]]:
    """Yield name and tensor (B, C, *S) of every branch that comes from the hyper-kernel."""
    config, wanted, x_BCS = block.config, set(block.branches), operands["x"]
    Z = x_BCS * plan.kernel.to(x_BCS.dtype)
    if wanted & {"f", "o", "silu", "hi"}:
        f_BCS = unit_sum(plan, Z.flatten(2), x_BCS.flatten(2), ops).view_as(x_BCS)
    if "f" in wanted:
        yield "f", f_BCS
    for name, operand in (("Zm", "m"), ("Zq", "q")):
        if name in wanted:
            yield name, ops.mix(Z, operands[operand], config)
    if wanted & {"o", "silu", "hi"}:
        o_BCS = ops.mix(Z, f_BCS, config)
        yield from ((name, o_BCS) for name in wanted & {"o"})
    if "silu" in wanted:
        yield "silu", functional.silu(o_BCS)
    if "hi" in wanted:
        yield "hi", interaction(block.hi, plan, o_BCS, x_BCS, ops)


def unit_sum(plan: BlockPlan, Z_BCN: Tensor, x_BCN: Tensor, ops: Operations) -> Tensor:
    """Return f = IS(RGU_s(Z) + RGU_f(x)), (B, C, N), of both gated units."""
    gated = (
        ops.gated_unit(map_in, values)
        for map_in, values in ((plan.slow, Z_BCN), (plan.fast, x_BCN))
    )
    total_BCN = ops.combine(zip(plan.outs, gated, strict=True), plan.out_map)
    return ops.standardize_rows(total_BCN)


def gated_channels(block: SFNEBlock, plan: BlockPlan, x_BCN: Tensor, ops: Operations) -> Tensor:
    """Return q, (B, C, N): HCI and IS in the configured order."""
    factor: Tensor = block.hci(x_BCN, plan.hci).to(x_BCN.dtype)
    if block.config.hci_order == "after":
        if torch.is_grad_enabled():
            return ops.standardize_rows(x_BCN) * factor
        return ops.standardize_rows(x_BCN.clone()).mul_(factor)
    return ops.standardize_rows(x_BCN * factor)


def interaction(
    module: HyperInteraction, plan: BlockPlan, o_BCS: Tensor, x_BCS: Tensor, ops: Operations
) -> Tensor:
    """Return HI(o, x), or half of it for identity gates: the plan's columns are doubled."""
    score_BC1, score_B1S = module.scores(o_BCS, plan.hi_channel, plan.hi_spatial)
    if module.gate.gain is not None:
        score_BC1 = score_BC1 * module.gate.gain
    out_BCN = ops.gate(score_BC1.flatten(1), score_B1S.flatten(1), x_BCS.flatten(2))
    return out_BCN.view_as(x_BCS)


def local_kernels(
    block: SFNEBlock, plan: BlockPlan, operands: Operands, ops: Operations
) -> dict[str, Tensor]:
    """Return the kernels of the local branches by name, (B or 1, C, *k); none without branches."""
    if plan.locals is None:
        return {}
    with torch.autocast(block.shift.device.type, enabled=False):
        return draw_local_group(plan.locals, sources_of(block, operands), ops)


def sources_of(block: SFNEBlock, operands: Operands) -> dict[str, Tensor]:
    """Return what the kernel of each local branch is drawn from, frames as samples."""
    return {
        name: as_frames(operands[branch.wiring.source]) for name, branch in local_branches(block)
    }


def local_parts(
    block: SFNEBlock, plan: BlockPlan, operands: Operands, ops: Operations
) -> Iterator[tuple[str, Tensor]]:
    """Yield name and tensor (B, C, *S) of every local branch."""
    kernels = local_kernels(block, plan, operands, ops)
    for name, branch in local_branches(block):
        operand = operands[branch.wiring.operand]
        local = from_frames(ops.convolve(as_frames(operand), kernels.pop(name)), operand)
        weight_OC, bias_O1 = plan.local_mixers[name]
        part = ops.combine([(weight_OC, local.flatten(2))], bias_O1)
        if fixed_statistics(branch.standardize) is None:
            bias_O = branch.mixer.bias
            part = standardize_batch(
                part, branch.standardize, ops, left_out_C=bias_O, activated=True
            )
        else:
            part = gelu(part)
        yield name, part.view_as(operand)
