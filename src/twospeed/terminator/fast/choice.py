"""Which of the two ways a call of the evaluator takes, and in which precision."""

import functools
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from twospeed.terminator.block import SFNEBlock
from twospeed.terminator.fast import ops_native, ops_torch
from twospeed.terminator.fast.compiled import compiled_block
from twospeed.terminator.fast.operations import Operations
from twospeed.terminator.fast.plan import BlockPlan
from twospeed.terminator.native import library

BlockSum = Callable[[Tensor, Mapping[str, Tensor]], Tensor]
"""Input (B, C, *S) and earlier outputs -> sum of all branches, (B, λC, N), before G-IBS."""


def operations_for(*tensors: Tensor) -> Operations:
    """Return the compiled way where it can take these tensors, else the framework's.

    Args:
        tensors: an input and a weight; all others of the call are like them.
    """
    return ops_native if library.fits(*tensors) else ops_torch


def whole_block(
    block: SFNEBlock, plan: BlockPlan, sizes: Sequence[int], ops: Operations
) -> BlockSum | None:
    """Return what sums all branches of a block at once without gradients; None: one by one."""
    return compiled_block(block, plan, sizes) if ops is ops_native else None


def working_dtype(wanted: torch.dtype | None, like: Tensor) -> torch.dtype:
    """Return `wanted`, but the dtype of `like` where bfloat16 would be emulated or none is wanted.

    Args:
        wanted: dtype of features and large products, or None.
        like: a weight, on the device of the call.
    """
    emulated = wanted == torch.bfloat16 and like.device.type == "cpu" and not multiplies_bfloat16()
    return like.dtype if wanted is None or emulated else wanted


@functools.cache
def multiplies_bfloat16() -> bool:
    """Say whether this processor has instructions that multiply bfloat16."""
    facts = torch.cpu.get_capabilities()
    return any(bool(value) and "bf16" in name for name, value in facts.items())
