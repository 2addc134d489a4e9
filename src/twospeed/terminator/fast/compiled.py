"""A block without gradients in a few compiled steps: samples one by one, nothing leaves the cache.

The native way, for images and sequences whose global operator is the product of square maps.
"""

import ctypes
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from twospeed.terminator.block import SFNEBlock
from twospeed.terminator.fast import ops_native
from twospeed.terminator.fast.branches import Operands, local_kernels, sources_of
from twospeed.terminator.fast.compiled_local import CompiledNets, compiled_nets, draw_compiled
from twospeed.terminator.fast.moments import fixed_statistics
from twospeed.terminator.fast.plan import BlockPlan, local_branches
from twospeed.terminator.fast.standardize import standardize_batch
from twospeed.terminator.layers.branches import LocalBranch
from twospeed.terminator.native import calls, library

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
class CompiledBlock:
    """What sums all branches of one block, and keeps what that takes beside the data."""

    block: SFNEBlock
    """The block."""

    plan: BlockPlan
    """What it prepared."""

    arrays: dict[str, Tensor]
    """What `pointers` points into."""

    pointers: GlobalPlan
    """Of the branches that come from the hyper-kernel."""

    locals: dict[str, tuple[Tensor, Tensor]]
    """Per local branch: W_l and its columns of W_b, packed."""

    nets: CompiledNets | None
    """The local slow nets; None where the framework's operations draw the kernels."""

    def __call__(self, x_BCS: Tensor, earlier: Mapping[str, Tensor]) -> Tensor:
        """Return what the bottleneck makes of all branches, (B, λC, N), before G-IBS."""
        x_BCN = x_BCS.flatten(2).contiguous()
        batch, _, length = x_BCN.shape
        plan_at = ctypes.addressof(self.pointers)
        operands = {"x": x_BCN, "m": torch.empty_like(x_BCN), "q": torch.empty_like(x_BCN)}
        library.call("operands", plan_at, *operands.values(), batch)
        total_BON = x_BCN.new_empty(batch, self.pointers.outputs, length)
        constant = self.plan.bottleneck_bias
        if constant is not None:
            total_BON.copy_(constant)
        before = [earlier[name].contiguous() if name in earlier else None for name in ("e1", "e2")]
        parts = (*operands.values(), *before, total_BON)
        library.call("global_parts", plan_at, *parts, batch, constant is not None)
        if self.locals:
            shaped = {name: part.view_as(x_BCS) for name, part in operands.items()}
            self._add_local_branches(shaped, total_BON)
        return total_BON

    def _kernels(self, operands: Operands) -> dict[str, Tensor]:
        if self.nets is None:
            return local_kernels(self.block, self.plan, operands, ops_native)
        return draw_compiled(self.nets, sources_of(self.block, operands))

    def _add_local_branches(self, operands: Operands, total_BON: Tensor) -> None:
        kernels = self._kernels(operands)
        batch, outputs, length = total_BON.shape
        channels = operands["x"].shape[1]
        maps = total_BON.new_empty(len(kernels), batch, channels, length)
        for (name, branch), out_BCN in zip(local_branches(self.block), maps, strict=True):
            operand_BCS = operands[branch.wiring.operand]
            local_map(branch, operand_BCS, kernels[name], self.locals[name][0], out_BCN)
        columns = [self.locals[name][1] for name in kernels]
        pointers = calls.pointers_of(columns)
        counts = (len(columns), batch, outputs, channels, length)
        library.call("add_branches", ctypes.addressof(pointers), maps, total_BON, *counts)


def local_map(
    branch: LocalBranch, operand_BCS: Tensor, kernels: Tensor, packed: Tensor, out_BCN: Tensor
) -> None:
    """Write one local branch into `out_BCN`, without its idle scalar."""
    batch, channels, *sizes = operand_BCS.shape
    side = kernels.shape[-1]
    height, width = sizes if len(sizes) == 2 else (1, sizes[0])
    taps = (side if len(sizes) == 2 else 1, side, len(kernels) > 1)
    left_out_C, fixed = branch.mixer.bias, fixed_statistics(branch.standardize)
    mean_C, variance_C = fixed or (None, None)
    if mean_C is not None and left_out_C is not None:
        mean_C = mean_C - left_out_C
    parts = (operand_BCS, kernels.contiguous(), packed, mean_C, variance_C, out_BCN)
    library.call("local_map", *parts, batch, channels, height, width, *taps)
    if fixed is None:
        standardize_batch(
            out_BCN, branch.standardize, ops_native, left_out_C=left_out_C, activated=True
        )


def compiled_block(block: SFNEBlock, plan: BlockPlan, sizes: Sequence[int]) -> CompiledBlock | None:
    """Prepare the compiled steps of a block; None where it has to go branch by branch."""
    sides = {branch.wiring.kernel_size for _, branch in local_branches(block)}
    if not ops_native.is_square_product(block.config, sizes) or not sides <= set(calls.SIDES):
        return None
    columns = {name: calls.pack(weight) for name, weight in plan.bottleneck.items()}
    arrays = {
        **arrays_of(block, plan),
        **{f"of_{name}": part for name, part in columns.items() if name not in block.locals},
    }
    first, second = block.shape.earlier_channels
    numbers = (block.shape.channels, block.shape.expansion * block.shape.channels)
    return CompiledBlock(
        block=block,
        plan=plan,
        arrays=arrays,
        pointers=GlobalPlan(
            *(arrays[name].data_ptr() if name in arrays else None for name in POINTERS),
            *(*numbers, math.isqrt(math.prod(sizes)), first, second),
            block.config.hci_order == "before",
        ),
        locals={
            name: (calls.pack(branch.mixer.weight), columns[name])
            for name, branch in local_branches(block)
        },
        nets=None if plan.locals is None else compiled_nets(plan.locals),
    )


def arrays_of(block: SFNEBlock, plan: BlockPlan) -> dict[str, Tensor]:
    """Return what `GlobalPlan` points into but the columns of W_b; absent parts are left out."""
    arrays: dict[str, Tensor | None] = {
        "kernel": plan.kernel,
        "slow": calls.pack(plan.slow[0]),
        "slow_bias": plan.slow[1],
        "fast": calls.pack(plan.fast[0]),
        "fast_bias": plan.fast[1],
        "out_slow": calls.pack(plan.outs[0]),
        "out_fast": calls.pack(plan.outs[1]),
        "out_map": plan.out_map,
        "kappa_channels": plan.hi_channel,
        "kappa_positions": plan.hi_spatial,
        "gain": block.hi.gate.gain,
        "mixer": calls.pack(plan.mixer),
        "kappa_hci": plan.hci,
        "hci_gain": block.hci.gate.gain,
    }
    return {name: part.contiguous() for name, part in arrays.items() if part is not None}
