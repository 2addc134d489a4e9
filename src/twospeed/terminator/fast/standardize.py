"""Standardizations sooner: IS as one framework call, BS and G-IBS with a backward of their own.

Moments per sample and channel serve both: where a channel takes batch statistics they are
averaged over the batch. Two passes (center, then measure), so a large mean costs no digits.
"""

import functools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.terminator.layers.position_statistics import EPSILON
from twospeed.terminator.layers.standardization import (
    BatchStandardization,
    GroupInstanceBatchStandardization,
)
from twospeed.terminator.native import autograd, library


@dataclass(frozen=True, kw_only=True)
class Pooling:
    """Which channels share their statistics over the batch, and which have fixed ones."""

    shared: Tensor
    """(C,) bool: the channels that do; the others take their own (IS)."""

    fixed: tuple[Tensor, Tensor] | None = None
    """Mean and variance (C,) that the shared channels take instead of the batch's."""

    @property
    def kinds(self) -> Tensor:
        """The same for `calls.standardize`, (C,) uint8."""
        kinds_C = self.shared.view(torch.uint8)
        return kinds_C if self.fixed is None else 2 * kinds_C

    def over_batch(self, statistic_BC: Tensor, fixed_C: Tensor | None = None) -> Tensor:
        """Replace the statistic of shared channels by its mean over the batch, or by `fixed_C`."""
        shared = statistic_BC.mean(0) if fixed_C is None else fixed_C.to(statistic_BC)
        return torch.where(self.shared, shared, statistic_BC)

    def of_gradient(self, statistic_BC: Tensor) -> Tensor:
        """The same for statistics of a gradient: fixed statistics pass none."""
        fixed = None if self.fixed is None else torch.zeros_like(self.fixed[0])
        return self.over_batch(statistic_BC, fixed)


Statistics = tuple[Tensor, Tensor]


def center_and_scale(x_BCN: Tensor, pooling: Pooling, out_BCN: Tensor) -> Statistics:
    """Standardize `x_BCN` into `out_BCN`, which may be the same tensor.

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


@functools.cache
def everywhere(channels: int, shared: bool, device: torch.device | None = None) -> Tensor:
    """Return one answer for all channels, (C,) bool; not to be changed."""
    return torch.full((channels,), shared, device=device)


def gelu(x_BCN: Tensor) -> Tensor:
    """Exact GELU; without gradients in place, so give it a tensor of your own."""
    if torch.is_grad_enabled():
        return functional.gelu(x_BCN)
    out: Tensor = torch.ops.aten.gelu_(x_BCN)
    return out


def standardize_rows(x_BCN: Tensor) -> Tensor:
    """IS of (B, C, N), one pass; without gradients in place, so give it a tensor of your own."""
    if library.fits(x_BCN):
        own_C = everywhere(x_BCN.shape[1], False)
        return autograd.standardize(x_BCN, own_C.view(torch.uint8), activated=False)[0]
    return functional.layer_norm(x_BCN, x_BCN.shape[2:], eps=EPSILON)


def standardize_pooled(
    x_BCN: Tensor, pooling: Pooling, *, activated: bool = False
) -> tuple[Tensor, Statistics]:
    """Standardize (B, C, N); without gradients in place, so give it a tensor of your own.

    Args:
        x_BCN: values.
        pooling: the statistics to take.
        activated: whether GELU follows.

    Returns:
        The result, and mean and variance (B, C).
    """
    if library.fits(x_BCN):
        return autograd.standardize(x_BCN, pooling.kinds, pooling.fixed, activated=activated)
    statistics: Statistics
    if torch.is_grad_enabled() and x_BCN.requires_grad:
        x_BCN, *found = _Standardize.apply(x_BCN, pooling)  # type: ignore[no-untyped-call]
        statistics = (found[0], found[1])
    else:
        statistics = center_and_scale(x_BCN, pooling, x_BCN)
    return gelu(x_BCN) if activated else x_BCN, statistics


def standardize_batch(
    x_BCN: Tensor,
    layer: BatchStandardization,
    *,
    left_out_C: Tensor | None = None,
    activated: bool = False,
) -> Tensor:
    """Apply a BS layer's rule to (B, C, N) with `standardize_pooled`.

    Args:
        x_BCN: may lack a constant per channel, which standardization removes anyway.
        layer: the rule; its running averages move.
        left_out_C: that constant, which the running mean takes in.
        activated: whether GELU follows.
    """
    shared_C = everywhere(x_BCN.shape[1], True, x_BCN.device)
    return _with_layer(x_BCN, layer, shared_C, left_out_C, activated=activated)


def standardize_groups(
    x_BCN: Tensor, layer: GroupInstanceBatchStandardization, *, activated: bool = False
) -> Tensor:
    """Apply a G-IBS layer's rule to (B, C, N) with `standardize_pooled`."""
    return _with_layer(x_BCN, layer.batch, layer.get_buffer("is_batch"), activated=activated)


def _with_layer(
    x_BCN: Tensor,
    layer: BatchStandardization,
    shared: Tensor,
    left_out_C: Tensor | None = None,
    *,
    activated: bool,
) -> Tensor:
    fixed = fixed_statistics(layer)
    pooling = Pooling(shared=shared, fixed=fixed)
    y_BCN, (mean_BC, variance_BC) = standardize_pooled(x_BCN, pooling, activated=activated)
    if fixed is None and layer.running:
        variance_C, mean_C = torch.var_mean(mean_BC, 0, correction=0)
        whole_C = mean_C if left_out_C is None else mean_C + left_out_C
        layer.remember(whole_C, variance_BC.mean(0) + variance_C)
    return y_BCN


def fixed_statistics(layer: BatchStandardization) -> Statistics | None:
    """Return the running averages where the layer uses them, else None."""
    if not layer.running or layer.training:
        return None
    return layer.get_buffer("running_mean"), layer.get_buffer("running_variance")
