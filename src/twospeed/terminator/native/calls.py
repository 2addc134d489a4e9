"""What the compiled functions compute, with shapes; tensors are float32, contiguous, on a CPU.

Gradients are functions of their own here; autograd.py joins them for autograd.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from twospeed.terminator.native.library import call, number

SIDES = (1, 3, 5, 7, 9, 11, 13)
"""Kernel sizes that `convolve` knows."""

Moments = tuple[Tensor, Tensor]
"""Mean and variance per sample and channel, (B, C)."""


def pointers_of(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    """Return the addresses of tensors, for as long as those live."""
    return (ctypes.c_void_p * len(tensors))(*(part.data_ptr() for part in tensors))


def longs_of(values: Sequence[int]) -> ctypes.Array[ctypes.c_long]:
    """Return whole numbers as the compiled functions take them."""
    return (ctypes.c_long * len(values))(*values)


def empty_moments(like_BCN: Tensor, channels: int) -> Moments:
    """Return room for the moments of (B, channels, N)."""
    first, second = (like_BCN.new_empty(len(like_BCN), channels) for _ in range(2))
    return first, second


def standardize(
    x_BCN: Tensor, out_BCN: Tensor, kinds_C: Tensor, fixed: Moments | None, *, activated: bool
) -> Moments:
    """Standardize `x_BCN` into `out_BCN` (which may be the same), then GELU if `activated`.

    Args:
        x_BCN: values.
        out_BCN: where to.
        kinds_C: (C,) uint8: 0 statistics of each row, 1 of the batch, 2 those of `fixed`.
        fixed: mean and variance, (C,).
        activated: whether GELU follows.

    Returns:
        The statistics that were taken.
    """
    mean_C, variance_C = fixed or (None, None)
    moments = empty_moments(x_BCN, x_BCN.shape[1])
    call(
        "standardize",
        x_BCN,
        out_BCN,
        kinds_C,
        mean_C,
        variance_C,
        *moments,
        *x_BCN.shape,
        activated,
    )
    return moments


def standardize_gradient(
    x_BCN: Tensor, gradient_BCN: Tensor, kinds_C: Tensor, moments: Moments, *, activated: bool
) -> Tensor:
    """Return the gradient of `x_BCN` from that of what `standardize` made of it."""
    out_BCN = torch.empty_like(x_BCN)
    parts = (x_BCN, gradient_BCN.contiguous(), out_BCN, kinds_C, *moments)
    call("standardize_gradient", *parts, *x_BCN.shape, activated)
    return out_BCN


def gated_unit(both_BDN: Tensor, bias_D: Tensor) -> tuple[Tensor, Moments]:
    """Return φ(IS((a + b_a) ⊙ (q + b_q))), (B, C, N), of stacked halves a and q, and moments."""
    batch, double, length = both_BDN.shape
    moments = empty_moments(both_BDN, double // 2)
    out_BCN = both_BDN.new_empty(batch, double // 2, length)
    call("gated_unit", both_BDN, bias_D, out_BCN, *moments, *out_BCN.shape)
    return out_BCN, moments


def gated_unit_gradient(
    both_BDN: Tensor, bias_D: Tensor, gradient_BCN: Tensor, moments: Moments
) -> tuple[Tensor, Tensor]:
    """Return the gradients of `both_BDN` and `bias_D`."""
    out_BDN = torch.empty_like(both_BDN)
    of_bias_BD = both_BDN.new_empty(both_BDN.shape[:2])
    parts = (both_BDN, bias_D, gradient_BCN.contiguous(), out_BDN, of_bias_BD, *moments)
    call("gated_unit_gradient", *parts, *gradient_BCN.shape)
    return out_BDN, of_bias_BD.sum(0)


def convolve(values_BCHW: Tensor, kernels_BCHW: Tensor) -> Tensor:
    """Compute `convolve_local` of images for sides in `SIDES`."""
    values, kernels = values_BCHW.contiguous(), kernels_BCHW.contiguous()
    out_BCHW = torch.empty_like(values)
    call("convolve", values, kernels, out_BCHW, *values.shape, *kernels.shape[2:], len(kernels) > 1)
    return out_BCHW


def convolve_gradient(values_BCHW: Tensor, gradient_BCHW: Tensor, kernels_BCHW: Tensor) -> Tensor:
    """Return the gradient of the kernels from that of what `convolve` returned."""
    values, gradient = values_BCHW.contiguous(), gradient_BCHW.contiguous()
    out = torch.empty_like(kernels_BCHW, memory_format=torch.contiguous_format)
    call("convolve_gradient", values, gradient, out, *values.shape, *out.shape[2:], len(out) > 1)
    return out


def mix(kernel_BCHH: Tensor, values_BCHW: Tensor) -> Tensor:
    """Return the matrix product per sample and channel."""
    out_BCHW = torch.empty_like(values_BCHW)
    call("mix", kernel_BCHH, values_BCHW, out_BCHW, *_maps(values_BCHW))
    return out_BCHW


def mix_gradient(
    kernel_BCHH: Tensor, values_BCHW: Tensor, gradient_BCHW: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradients of both factors of `mix`."""
    out = torch.empty_like(kernel_BCHH), torch.empty_like(values_BCHW)
    parts = (kernel_BCHH, values_BCHW, gradient_BCHW.contiguous(), *out)
    call("mix_gradient", *parts, *_maps(values_BCHW))
    return out


def _maps(x_BCHW: Tensor) -> tuple[int, int, int]:
    batch, channels, height, width = x_BCHW.shape
    return batch * channels, height, width


def gate(score_BC: Tensor, score_BN: Tensor, x_BCN: Tensor) -> Tensor:
    """Return σ(s_c ⊙ s_n) ⊙ x, (B, C, N)."""
    out_BCN = torch.empty_like(x_BCN)
    call("gate", score_BC, score_BN, x_BCN, out_BCN, *x_BCN.shape)
    return out_BCN


def gate_gradient(
    score_BC: Tensor, score_BN: Tensor, x_BCN: Tensor, gradient_BCN: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of all that `gate` takes."""
    parts = (score_BC, score_BN, x_BCN)
    first, second, third = (torch.empty_like(part) for part in parts)
    call("gate_gradient", *parts, gradient_BCN.contiguous(), first, second, third, *x_BCN.shape)
    return first, second, third


def pool(x_BCHW: Tensor, rows_KH: Tensor, columns_WL: Tensor, *, summed: bool) -> Tensor:
    """Return rows · x · columns per map, (B, C, K, L), or (1, C, K, L) summed over the batch."""
    batch, channels, *_ = x_BCHW.shape
    sizes = len(rows_KH), columns_WL.shape[1]
    out = x_BCHW.new_empty(1 if summed else batch, channels, *sizes)
    call("pool", x_BCHW, rows_KH, columns_WL, out, *x_BCHW.shape, *sizes, summed)
    return out


def combine(
    weights: Sequence[Tensor], values: Sequence[Tensor], constant: Tensor | None = None
) -> Tensor:
    """Return the sum of weights (O, C) times values (B, C, N), and a constant (O, 1) or (O, N).

    A weight may be a part of a larger or a transposed one.
    """
    batch, _, length = values[0].shape
    total = values[0].new_empty(batch, len(weights[0]), length)
    if constant is not None:
        total.copy_(constant)
    numbers = zip(*((part.shape[1], *part.stride()) for part in weights), strict=True)
    lists: list[Any] = [*map(pointers_of, (weights, values)), *map(longs_of, numbers)]
    addresses = [ctypes.addressof(part) for part in lists]
    counts = (len(weights), batch, len(weights[0]), length)
    call("combine", *addresses, total, *counts, constant is not None)
    return total


def linear(weight_OC: Tensor, x_BCN: Tensor) -> Tensor:
    """Return weight · x, (B, O, N); the weight may be a part of a larger or a transposed one."""
    rows, depth = weight_OC.shape
    batch, _, length = x_BCN.shape
    out = x_BCN.new_empty(batch, rows, length)
    counts = (batch, rows, depth, length, *weight_OC.stride())
    call("linear_unpacked", weight_OC, x_BCN, out, *counts)
    return out


def pack(weight_OC: Tensor) -> Tensor:
    """Return a weight as `GlobalPlan`, `local_map` and `add_branches` take it: in panels of rows.

    (⌈O/r⌉, C, r) for the r rows that the library multiplies side by side, zeros behind the last.
    """
    (rows, depth), side_by_side = weight_OC.shape, number("tile_rows")
    panels = weight_OC.new_empty(-(-rows // side_by_side), depth, side_by_side)
    call("pack", weight_OC, panels, rows, depth, *weight_OC.stride())
    return panels
