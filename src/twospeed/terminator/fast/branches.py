"""The branches of a block one after another, each gone as soon as the bottleneck has taken it.

Tiled earlier outputs come untiled, local branches without their idle scalars.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.terminator.block import SFNEBlock
from twospeed.terminator.block_config import BlockConfig
from twospeed.terminator.fast.depthwise import convolve_local_fast
from twospeed.terminator.fast.local_nets import draw_local_group
from twospeed.terminator.fast.plan import Affine, BlockPlan, local_branches
from twospeed.terminator.fast.standardize import (
    fixed_statistics,
    gelu,
    standardize_batch,
    standardize_rows,
)
from twospeed.terminator.layers.branches import as_frames, from_frames
from twospeed.terminator.layers.gates import HyperInteraction
from twospeed.terminator.layers.operators import chosen_operator, mix
from twospeed.terminator.native import autograd, library


def affine(map_OC: Affine, x_BCN: Tensor) -> Tensor:
    """Apply weight and bias to the channels of (B, C, N) in the dtype of the features."""
    weight_OC, bias_O = map_OC
    if bias_O is None and library.fits(weight_OC, x_BCN):
        return autograd.combine([weight_OC], [x_BCN])
    weight_BOC = weight_OC.to(x_BCN.dtype).expand(len(x_BCN), -1, -1)
    if bias_O is None:
        return torch.bmm(weight_BOC, x_BCN)
    return torch.baddbmm(bias_O.to(x_BCN.dtype)[:, None], weight_BOC, x_BCN)


def add_affine_(total_BON: Tensor, weight_OC: Tensor, x_BCN: Tensor) -> Tensor:
    """Add weight·x to `total_BON` in place and return it; no gradient needs the old total."""
    weight_BOC = weight_OC.to(x_BCN.dtype).expand(len(x_BCN), -1, -1)
    return total_BON.baddbmm_(weight_BOC, x_BCN)


def operands_of(block: SFNEBlock, plan: BlockPlan, x_BCS: Tensor) -> dict[str, Tensor]:
    """Return x, m and q, (B, C, *S) each."""
    x_BCN = x_BCS.flatten(2)
    return {
        "x": x_BCS,
        "m": standardize_rows(affine(plan.mixer, x_BCN)).view_as(x_BCS),
        "q": gated_channels(block, plan, x_BCN).view_as(x_BCS),
    }


def global_parts(
    block: SFNEBlock, plan: BlockPlan, operands: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """Yield name and tensor (B, C, *S) of every branch that comes from the hyper-kernel."""
    config, wanted, x_BCS = block.config, set(block.branches), operands["x"]
    Z = x_BCS * plan.kernel.to(x_BCS.dtype)
    if wanted & {"f", "o", "silu", "hi"}:
        f_BCS = unit_sum(plan, Z.flatten(2), x_BCS.flatten(2)).view_as(x_BCS)
    if "f" in wanted:
        yield "f", f_BCS
    for name, operand in (("Zm", "m"), ("Zq", "q")):
        if name in wanted:
            yield name, mix_fast(Z, operands[operand], config)
    if wanted & {"o", "silu", "hi"}:
        o_BCS = mix_fast(Z, f_BCS, config)
        yield from ((name, o_BCS) for name in wanted & {"o"})
    if "silu" in wanted:
        yield "silu", functional.silu(o_BCS)
    if "hi" in wanted:
        yield "hi", interaction(block.hi, plan, o_BCS, x_BCS)


def is_square_product(config: BlockConfig, sizes: Sequence[int]) -> bool:
    """Say whether the global operator is one matrix product of square maps per channel."""
    side = math.isqrt(math.prod(sizes))
    return (
        sizes[-1] in (side, side * side)
        and side * side == math.prod(sizes)
        and len(sizes) <= 2
        and (len(sizes) == 1 or tuple(config.mixing or (1.0, 0.0)) == (1.0, 0.0))
        and chosen_operator(config.operator, sizes) == "matmul"
    )


def mix_fast(kernel_BCS: Tensor, values_BCS: Tensor, config: BlockConfig) -> Tensor:
    """Compute `mix`; products of square maps by the compiled function."""
    batch, channels, *sizes = values_BCS.shape
    if library.fits(kernel_BCS, values_BCS) and is_square_product(config, sizes):
        side = math.isqrt(math.prod(sizes))
        shape = (batch, channels, side, side)
        product = autograd.mix(kernel_BCS.reshape(shape), values_BCS.reshape(shape))
        return product.view_as(values_BCS)
    return mix(kernel_BCS, values_BCS, operator=config.operator, mixing=config.mixing or None)


def unit_sum(plan: BlockPlan, Z_BCN: Tensor, x_BCN: Tensor) -> Tensor:
    """Return f = IS(RGU_s(Z) + RGU_f(x)), (B, C, N), of both gated units."""
    inputs = ((plan.slow, Z_BCN), (plan.fast, x_BCN))
    gated = [gated_unit(map_in, values) for map_in, values in inputs]
    if library.fits(x_BCN, *plan.outs):
        total = autograd.combine(plan.outs, gated)
        if plan.out_map.shape[1] > 1:
            total += plan.out_map
        return standardize_rows(total)
    total = plan.out_map.to(x_BCN.dtype).expand(x_BCN.shape)
    total = total.clone(memory_format=torch.contiguous_format)
    for weight_out, values_BCN in zip(plan.outs, gated, strict=True):
        add_affine_(total, weight_out, values_BCN)
    return standardize_rows(total)


def gated_unit(map_in: Affine, values_BCN: Tensor) -> Tensor:
    """Return φ(IS(a ⊙ q)), (B, C, N), of the two halves that `map_in` makes."""
    weight_DC, bias_D = map_in
    if bias_D is not None and library.fits(values_BCN, weight_DC, bias_D):
        return autograd.gated_unit(affine((weight_DC, None), values_BCN), bias_D)
    return gelu(standardize_rows(product_of_halves(affine(map_in, values_BCN))))


class _ProductOfHalves(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, both_BDN: Tensor) -> Tensor:
        ctx.save_for_backward(both_BDN)
        first, second = both_BDN.chunk(2, 1)
        return first * second

    @staticmethod
    def backward(ctx: Any, gradient_BCN: Tensor) -> Tensor:
        (both_BDN,) = ctx.saved_tensors
        of_both = torch.empty_like(both_BDN)
        halves = zip(of_both.chunk(2, 1), reversed(both_BDN.chunk(2, 1)), strict=True)
        for out_BCN, other_BCN in halves:
            torch.mul(gradient_BCN, other_BCN, out=out_BCN)
        return of_both


def product_of_halves(both_BDN: Tensor) -> Tensor:
    """Return the first half of the channels times the second; no gradient is put together again."""
    if not torch.is_grad_enabled():
        first, second = both_BDN.chunk(2, 1)
        return first.mul_(second)
    out: Tensor = _ProductOfHalves.apply(both_BDN)  # type: ignore[no-untyped-call]
    return out


def gated_channels(block: SFNEBlock, plan: BlockPlan, x_BCN: Tensor) -> Tensor:
    """Return q, (B, C, N): HCI and IS in the configured order."""
    factor: Tensor = block.hci(x_BCN, plan.hci).to(x_BCN.dtype)
    if block.config.hci_order == "after":
        if torch.is_grad_enabled():
            return standardize_rows(x_BCN) * factor
        return standardize_rows(x_BCN.clone()).mul_(factor)
    return standardize_rows(x_BCN * factor)


def interaction(module: HyperInteraction, plan: BlockPlan, o_BCS: Tensor, x_BCS: Tensor) -> Tensor:
    """Return HI(o, x), or half of it for identity gates: the plan's columns are doubled."""
    score_BC1, score_B1S = module.scores(o_BCS, plan.hi_channel, plan.hi_spatial)
    if module.gate.gain is not None:
        score_BC1 = score_BC1 * module.gate.gain
    if library.fits(score_BC1, score_B1S, x_BCS):
        parts = (score_BC1.flatten(1), score_B1S.flatten(1), x_BCS.flatten(2))
        return autograd.gate(*parts).view_as(x_BCS)
    gate: Tensor = (score_BC1 * score_B1S).to(x_BCS.dtype).sigmoid_()
    return gate * x_BCS if torch.is_grad_enabled() else gate.mul_(x_BCS)


def draw_local_kernels(
    block: SFNEBlock, plan: BlockPlan, operands: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the kernels of the local branches by name, (B or 1, C, *k); none without branches."""
    if plan.locals is None:
        return {}
    sources = {
        name: as_frames(operands[branch.wiring.source]) for name, branch in local_branches(block)
    }
    with torch.autocast(block.shift.device.type, enabled=False):
        return draw_local_group(plan.locals, sources)


def local_parts(
    block: SFNEBlock, plan: BlockPlan, operands: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """Yield name and tensor (B, C, *S) of every local branch."""
    kernels = draw_local_kernels(block, plan, operands)
    for name, branch in local_branches(block):
        operand = operands[branch.wiring.operand]
        local = from_frames(convolve_local_fast(as_frames(operand), kernels.pop(name)), operand)
        mixed = affine(plan.local_mixers[name], local.flatten(2))
        if fixed_statistics(branch.standardize) is None:
            part = standardize_batch(
                mixed, branch.standardize, left_out_C=branch.mixer.bias, activated=True
            )
        else:
            part = gelu(mixed)
        yield name, part.view_as(operand)
