"""The compiled functions with gradients; what each computes is said in calls.py."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from twospeed.terminator.native import calls
from twospeed.terminator.native.calls import Moments

Function = Callable[..., Tensor]
"""Inputs -> output."""

Gradient = Callable[..., tuple[Tensor, ...]]
"""Inputs and gradient of the output -> gradients of the inputs."""


class _Standardize(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x_BCN: Tensor,
        kinds_C: Tensor,
        fixed: Moments | None,
        activated: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        y_BCN = torch.empty_like(x_BCN)
        moments = calls.standardize(x_BCN, y_BCN, kinds_C, fixed, activated=activated)
        ctx.save_for_backward(x_BCN, kinds_C, *moments)
        ctx.activated = activated
        ctx.mark_non_differentiable(*moments)
        return y_BCN, *moments

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BCN: Tensor, *_: Tensor) -> tuple[Tensor, None, None, None]:
        x_BCN, kinds_C, *moments = ctx.saved_tensors
        of_x_BCN = calls.standardize_gradient(
            x_BCN, gradient_BCN, kinds_C, tuple(moments), activated=ctx.activated
        )
        return of_x_BCN, None, None, None


def standardize(
    x_BCN: Tensor, kinds_C: Tensor, fixed: Moments | None = None, *, activated: bool
) -> tuple[Tensor, Moments]:
    """Compute `calls.standardize`; without gradients in place: give it a tensor of yours."""
    x_BCN = x_BCN.contiguous()
    if torch.is_grad_enabled():
        y_BCN, *moments = _Standardize.apply(x_BCN, kinds_C, fixed, activated)  # type: ignore[no-untyped-call]
        return y_BCN, (moments[0], moments[1])
    return x_BCN, calls.standardize(x_BCN, x_BCN, kinds_C, fixed, activated=activated)


class _GatedUnit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, both_BDN: Tensor, bias_D: Tensor) -> Tensor:
        out_BCN, moments = calls.gated_unit(both_BDN, bias_D)
        ctx.save_for_backward(both_BDN, bias_D, *moments)
        return out_BCN

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BCN: Tensor) -> tuple[Tensor, Tensor]:
        both_BDN, bias_D, *moments = ctx.saved_tensors
        return calls.gated_unit_gradient(both_BDN, bias_D, gradient_BCN, tuple(moments))


def gated_unit(both_BDN: Tensor, bias_D: Tensor) -> Tensor:
    """Compute `calls.gated_unit`."""
    out: Tensor = _GatedUnit.apply(both_BDN, bias_D)  # type: ignore[no-untyped-call]
    return out


class _OfInputs(torch.autograd.Function):
    """A function whose gradient needs its inputs alone."""

    @staticmethod
    def forward(ctx: Any, function: Function, gradient: Gradient, *inputs: Tensor) -> Tensor:
        ctx.save_for_backward(*inputs)
        ctx.gradient = gradient
        return function(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, *ctx.gradient(*ctx.saved_tensors, gradient)


def _apply(function: Function, gradient: Gradient, *inputs: Tensor) -> Tensor:
    parts = (part.contiguous() for part in inputs)
    out: Tensor = _OfInputs.apply(function, gradient, *parts)  # type: ignore[no-untyped-call]
    return out


def _gradients_of_convolve(
    values_BCHW: Tensor, kernels_BCHW: Tensor, gradient_BCHW: Tensor
) -> tuple[Tensor, Tensor]:
    of_values = calls.convolve(gradient_BCHW, kernels_BCHW.flip(2, 3))
    return of_values, calls.convolve_gradient(values_BCHW, gradient_BCHW, kernels_BCHW)


def convolve(values_BCHW: Tensor, kernels_BCHW: Tensor) -> Tensor:
    """Compute `calls.convolve`."""
    return _apply(calls.convolve, _gradients_of_convolve, values_BCHW, kernels_BCHW)


def mix(kernel_BCHH: Tensor, values_BCHW: Tensor) -> Tensor:
    """Compute `calls.mix`."""
    return _apply(calls.mix, calls.mix_gradient, kernel_BCHH, values_BCHW)


def gate(score_BC: Tensor, score_BN: Tensor, x_BCN: Tensor) -> Tensor:
    """Compute `calls.gate`."""
    return _apply(calls.gate, calls.gate_gradient, score_BC, score_BN, x_BCN)


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x_BCHW: Tensor, rows_KH: Tensor, columns_WL: Tensor, summed: bool
    ) -> Tensor:
        ctx.save_for_backward(rows_KH, columns_WL)
        ctx.batch = len(x_BCHW)
        return calls.pool(x_BCHW, rows_KH, columns_WL, summed=summed)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        rows_HK, columns_LW = (part.mT.contiguous() for part in ctx.saved_tensors)
        of_x = calls.pool(gradient.contiguous(), rows_HK, columns_LW, summed=False)
        return of_x.expand(ctx.batch, -1, -1, -1), None, None, None


def pool(x_BCHW: Tensor, rows_KH: Tensor, columns_WL: Tensor, *, summed: bool) -> Tensor:
    """Compute `calls.pool`; the matrices are taken as constants."""
    parts = (part.contiguous() for part in (x_BCHW, rows_KH, columns_WL))
    out: Tensor = _Pool.apply(*parts, summed)  # type: ignore[no-untyped-call]
    return out


class _Combine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, constant: Tensor | None, *parts: Tensor) -> Tensor:
        ctx.save_for_backward(*parts)
        ctx.constant_shape = None if constant is None else constant.shape
        half = len(parts) // 2
        if half == 1 and constant is None:
            return calls.linear(*parts)
        return calls.combine(parts[:half], parts[half:], constant)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BON: Tensor) -> tuple[Tensor | None, ...]:
        gradient_BON, parts = gradient_BON.contiguous(), ctx.saved_tensors
        half, (of_constant, *wanted) = len(parts) // 2, ctx.needs_input_grad
        of_weights = [
            torch.bmm(x_BCN, gradient_BON.mT).sum(0).mT if needed else None
            for x_BCN, needed in zip(parts[half:], wanted[:half], strict=True)
        ]
        of_values = [
            calls.linear(weight_OC.mT, gradient_BON) if needed else None
            for weight_OC, needed in zip(parts[:half], wanted[half:], strict=True)
        ]
        summed = gradient_BON.sum_to_size(ctx.constant_shape) if of_constant else None
        return summed, *of_weights, *of_values


def combine(
    weights: Sequence[Tensor], values: Sequence[Tensor], constant: Tensor | None = None
) -> Tensor:
    """Compute `calls.combine`."""
    parts = (*weights, *(part.contiguous() for part in values))
    out: Tensor = _Combine.apply(constant, *parts)  # type: ignore[no-untyped-call]
    return out
