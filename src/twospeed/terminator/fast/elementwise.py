"""Functions of one number at a time that need no memory of their own where no gradient does."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def gelu(x_BCN: Tensor) -> Tensor:
    """Exact GELU; without gradients in place, so give it a tensor of your own."""
    if torch.is_grad_enabled():
        return functional.gelu(x_BCN)
    out: Tensor = torch.ops.aten.gelu_(x_BCN)
    return out


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
            out_BCN.copy_(other_BCN).mul_(gradient_BCN)
        return of_both


def product_of_halves(both_BDN: Tensor) -> Tensor:
    """Return the first half of the channels times the second; no gradient is put together again."""
    if not torch.is_grad_enabled():
        first, second = both_BDN.chunk(2, 1)
        return first.mul_(second)
    out: Tensor = _ProductOfHalves.apply(both_BDN)  # type: ignore[no-untyped-call]
    return out
