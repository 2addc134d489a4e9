"""The framework's way: any dtype, any device, and what the compiled functions do not know."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.terminator.block_config import BlockConfig
from twospeed.terminator.fast.depthwise import Depthwise
from twospeed.terminator.fast.elementwise import gelu, product_of_halves
from twospeed.terminator.fast.moments import Pooling, Statistics
from twospeed.terminator.fast.operations import Term
from twospeed.terminator.fast.plan import Affine
from twospeed.terminator.layers import operators
from twospeed.terminator.layers.local_operator import convolve_local
from twospeed.terminator.layers.position_statistics import EPSILON


def center_and_scale(x_BCN: Tensor, pooling: Pooling, out_BCN: Tensor) -> Statistics:
    """Standardize `x_BCN` into `out_BCN`, which may be the same tensor.

    Two passes (center, then measure), so a large mean costs no digits.

    Returns:
        Mean and variance per sample and channel, (B, C), at least float32.
    """
    kind = torch.promote_types(x_BCN.dtype, torch.float32)
    fixed_mean, fixed_variance = pooling.fixed or (None, None)
    mean_BC = pooling.over_batch(x_BCN.mean(2, dtype=kind), fixed_mean)
    torch.sub(x_BCN, mean_BC[:, :, None], out=out_BCN)
    square_BC = torch.linalg.vector_norm(out_BCN, dim=2, dtype=kind).square() / x_BCN.shape[2]
    variance_BC = pooling.over_batch(square_BC, fixed_variance)
    out_BCN.mul_(torch.rsqrt(variance_BC + EPSILON)[:, :, None])
    return mean_BC, variance_BC


class _Standardize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_BCN: Tensor, pooling: Pooling) -> tuple[Tensor, Tensor, Tensor]:
        y_BCN = torch.empty_like(x_BCN)
        mean_BC, variance_BC = center_and_scale(x_BCN, pooling, y_BCN)
        ctx.save_for_backward(y_BCN, torch.rsqrt(variance_BC + EPSILON))
        ctx.pooling = pooling
        ctx.mark_non_differentiable(mean_BC, variance_BC)
        return y_BCN, mean_BC, variance_BC

    @staticmethod
    def backward(ctx: Any, gradient_BCN: Tensor, *_: Tensor) -> tuple[Tensor, None]:
        y_BCN, scale_BC = ctx.saved_tensors
        kind = scale_BC.dtype
        mean_BC = ctx.pooling.of_gradient(gradient_BCN.mean(2, dtype=kind))
        slope_BC = ctx.pooling.of_gradient((gradient_BCN * y_BCN).mean(2, dtype=kind))
        out_BCN = gradient_BCN - mean_BC.to(y_BCN.dtype)[:, :, None]
        out_BCN.addcmul_(y_BCN, slope_BC.to(y_BCN.dtype)[:, :, None], value=-1)
        return out_BCN.mul_(scale_BC[:, :, None]), None


def standardize(
    x_BCN: Tensor, pooling: Pooling, *, activated: bool = False
) -> tuple[Tensor, Statistics]:
    """See `Operations.standardize`."""
    statistics: Statistics
    if torch.is_grad_enabled() and x_BCN.requires_grad:
        x_BCN, *found = _Standardize.apply(x_BCN, pooling)  # type: ignore[no-untyped-call]
        statistics = (found[0], found[1])
    else:
        statistics = center_and_scale(x_BCN, pooling, x_BCN)
    return gelu(x_BCN) if activated else x_BCN, statistics


def standardize_rows(x_BCN: Tensor) -> Tensor:
    """See `Operations.standardize_rows`; one pass."""
    return functional.layer_norm(x_BCN, x_BCN.shape[2:], eps=EPSILON)


def combine(terms: Iterable[Term], constant: Tensor | None = None) -> Tensor:
    """See `Operations.combine`; in the dtype of the values."""
    total: Tensor | None = None
    for weight_OC, values_BCN in terms:
        weight_BOC = weight_OC.to(values_BCN.dtype).expand(len(values_BCN), -1, -1)
        if total is not None:
            total.baddbmm_(weight_BOC, values_BCN)
        elif constant is None:
            total = torch.bmm(weight_BOC, values_BCN)
        else:
            total = torch.baddbmm(constant.to(values_BCN.dtype), weight_BOC, values_BCN)
    return torch.as_tensor(total)


def gated_unit(map_in: Affine, values_BCN: Tensor) -> Tensor:
    """See `Operations.gated_unit`."""
    weight_DC, bias_D1 = map_in
    both_BDN = combine([(weight_DC, values_BCN)], bias_D1)
    return gelu(standardize_rows(product_of_halves(both_BDN)))


def mix(kernel_BCS: Tensor, values_BCS: Tensor, config: BlockConfig) -> Tensor:
    """See `Operations.mix`."""
    mixing = config.mixing or None
    return operators.mix(kernel_BCS, values_BCS, operator=config.operator, mixing=mixing)


def gate(score_BC: Tensor, score_BN: Tensor, x_BCN: Tensor) -> Tensor:
    """See `Operations.gate`."""
    factor = (score_BC[:, :, None] * score_BN[:, None]).to(x_BCN.dtype).sigmoid_()
    return factor * x_BCN if torch.is_grad_enabled() else factor.mul_(x_BCN)


def convolve(values_BCS: Tensor, kernels_BCS: Tensor) -> Tensor:
    """See `Operations.convolve`; images have a faster backward pass on a CPU."""
    if values_BCS.ndim != 4 or not torch.is_grad_enabled() or values_BCS.is_cuda:
        return convolve_local(values_BCS, kernels_BCS)
    out: Tensor = Depthwise.apply(values_BCS, kernels_BCS)  # type: ignore[no-untyped-call]
    return out


def pool(x_BCS: Tensor, pools: Sequence[Tensor], *, summed: bool = False) -> Tensor:
    """See `Operations.pool`."""
    if summed:
        x_BCS = x_BCS.sum(0, keepdim=True)
    pooled = x_BCS @ pools[-1].to(x_BCS.dtype)
    if len(pools) == 1:
        return pooled
    flat = pooled.flatten(0, 1)
    transposed = pools[0].to(x_BCS.dtype).mT.expand(len(flat), -1, -1)
    return torch.bmm(transposed, flat).view(*x_BCS.shape[:2], transposed.shape[1], -1)
