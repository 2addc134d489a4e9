"""A block without gradients in a few compiled steps: samples one by one, nothing leaves the cache.

For images and sequences whose global operator is the product of square maps; `compiled_plan`
returns None for the others, which take the framework's operations.
"""

import ctypes
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.terminator.block import SFNEBlock
from twospeed.terminator.fast.branches import draw_local_kernels, is_square_product
from twospeed.terminator.fast.compiled_local import (
    CompiledNets,
    compiled_nets,
    draw_compiled,
)
from twospeed.terminator.fast.plan import BlockPlan, local_branches
from twospeed.terminator.fast.standardize import fixed_statistics, standardize_batch
from twospeed.terminator.native import calls, library

TILE_ROWS = 6
"""Rows of a weight that lie side by side, as in products.h."""

POINTERS = (
    *("kernel", "slow", "slow_bias", "fast", "fast_bias", "out_slow", "out_fast", "out_map"),
    *("kappa_channels", "kappa_positions", "gain", "mixer", "kappa_hci", "hci_gain"),
    *("of_e1", "of_e2", "of_f", "of_Zm", "of_Zq", "of_o", "of_silu", "of_hi"),
)
NUMBERS = ("channels", "outputs", "side", "first_earlier", "second_earlier", "gate_first")


class GlobalPlan(ctypes.Structure):
    """The struct of the same name in block.cpp."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in POINTERS),
        *((name, ctypes.c_long) for name in NUMBERS),
    ]


@dataclass(frozen=True, kw_only=True)
class CompiledPlan:
    """What the compiled steps of a block take beside its data."""

    arrays: dict[str, Tensor]
    """What `pointers` points into."""

    pointers: GlobalPlan
    """Of the branches that come from the hyper-kernel."""

    locals: dict[str, tuple[Tensor, Tensor]]
    """Per local branch: W_l and its columns of W_b, packed."""

    nets: CompiledNets | None
    """The local slow nets; None where the framework's operations draw the kernels."""


def packed(weight_OC: Tensor) -> Tensor:
    """Return panels of six rows, (⌈O/6⌉, C, 6), zeros behind the last row."""
    rows, depth = weight_OC.shape
    padded = functional.pad(weight_OC, (0, 0, 0, -rows % TILE_ROWS))
    return padded.view(-1, TILE_ROWS, depth).transpose(1, 2).contiguous()


def compiled_plan(block: SFNEBlock, plan: BlockPlan, sizes: Sequence[int]) -> CompiledPlan | None:
    """Prepare the compiled steps of a block; None where it has to take the other way."""
    sides = {branch.wiring.kernel_size for _, branch in local_branches(block)}
    if (
        not library.fits(plan.kernel)
        or not is_square_product(block.config, sizes)
        or not sides <= set(calls.SIDES)
    ):
        return None
    arrays = {
        "kernel": plan.kernel,
        "out_slow": packed(plan.outs[0]),
        "out_fast": packed(plan.outs[1]),
        "kappa_channels": plan.hi_channel,
        "kappa_positions": plan.hi_spatial,
        "mixer": packed(plan.mixer[0]),
        "kappa_hci": plan.hci,
    }
    for name, (weight, bias) in (("slow", plan.slow), ("fast", plan.fast)):
        arrays |= {name: packed(weight), f"{name}_bias": torch.as_tensor(bias)}
    arrays |= {"out_map": plan.out_map} if plan.out_map.shape[1] > 1 else {}
    for name, gate in (("gain", block.hi.gate), ("hci_gain", block.hci.gate)):
        arrays |= {name: gate.gain.detach()} if gate.gain is not None else {}
    columns = {name: packed(weight) for name, weight in plan.bottleneck.items()}
    arrays |= {f"of_{name}": part for name, part in columns.items() if name not in block.locals}
    arrays = {name: part.contiguous() for name, part in arrays.items()}
    first, second = block.shape.earlier_channels
    numbers = (block.shape.channels, block.shape.expansion * block.shape.channels)
    return CompiledPlan(
        arrays=arrays,
        pointers=GlobalPlan(
            *(arrays[name].data_ptr() if name in arrays else None for name in POINTERS),
            *(*numbers, math.isqrt(math.prod(sizes)), first, second),
            block.config.hci_order == "before",
        ),
        locals={
            name: (packed(branch.mixer.weight), columns[name])
            for name, branch in local_branches(block)
        },
        nets=None if plan.locals is None else compiled_nets(plan.locals),
    )


def sum_branches(
    block: SFNEBlock,
    plan: BlockPlan,
    compiled: CompiledPlan,
    x_BCS: Tensor,
    earlier: Mapping[str, Tensor],
) -> Tensor:
    """Return what the bottleneck makes of all branches, (B, λC, N), before G-IBS."""
    x_BCN = x_BCS.flatten(2).contiguous()
    batch, _, length = x_BCN.shape
    plan_at = ctypes.addressof(compiled.pointers)
    operands = {"x": x_BCN, "m": torch.empty_like(x_BCN), "q": torch.empty_like(x_BCN)}
    library.call("operands", plan_at, *operands.values(), batch)
    total = x_BCN.new_empty(batch, compiled.pointers.outputs, length)
    constant = plan.bottleneck_bias
    if constant is not None:
        total.copy_(constant[:, None])
    before = [earlier[name].contiguous() if name in earlier else None for name in ("e1", "e2")]
    library.call(
        "global_parts", plan_at, *operands.values(), *before, total, batch, constant is not None
    )
    if plan.locals is not None:
        shaped = {name: part.view_as(x_BCS) for name, part in operands.items()}
        add_local_branches(block, plan, compiled, shaped, total)
    return total


def add_local_branches(
    block: SFNEBlock,
    plan: BlockPlan,
    compiled: CompiledPlan,
    operands: Mapping[str, Tensor],
    total_BON: Tensor,
) -> None:
    """Add the local branches to `total_BON`."""
    if compiled.nets is None:
        kernels = draw_local_kernels(block, plan, operands)
    else:
        branches = local_branches(block)
        sources = {name: operands[branch.wiring.source] for name, branch in branches}
        kernels = draw_compiled(compiled.nets, sources)
    batch, channels, *sizes = operands["x"].shape
    height, width = sizes if len(sizes) == 2 else (1, sizes[0])
    shape = batch, channels, height, width
    maps = total_BON.new_empty(len(kernels), batch, channels, total_BON.shape[2])
    for (name, branch), out_BCN in zip(local_branches(block), maps, strict=True):
        kernel, side = kernels[name], kernels[name].shape[-1]
        values, weights = operands[branch.wiring.operand], compiled.locals[name][0]
        taps = (side if len(sizes) == 2 else 1, side, len(kernel) > 1)
        left_out_C, fixed = branch.mixer.bias, fixed_statistics(branch.standardize)
        mean_C, variance_C = fixed or (None, None)
        if mean_C is not None and left_out_C is not None:
            mean_C = mean_C - left_out_C
        parts = (values, kernel.contiguous(), weights, mean_C, variance_C, out_BCN)
        library.call("local_map", *parts, *shape, *taps)
        if fixed is None:
            standardize_batch(out_BCN, branch.standardize, left_out_C=left_out_C, activated=True)
    columns = [compiled.locals[name][1] for name in kernels]
    pointers = calls.pointers_of(columns)
    counts = (len(columns), batch, total_BON.shape[1], channels, total_BON.shape[2])
    library.call("add_branches", ctypes.addressof(pointers), maps, total_BON, *counts)
