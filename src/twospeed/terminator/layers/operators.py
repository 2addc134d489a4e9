"""The HyperZ·Z·W operator: a kernel made of hyper-kernel and features acts on features.

First step, always: Ŵ = Z ⊙ W, the context-dependent kernel. Second step, by kind:

    matmul      matrix product along an axis (on squares the author's Ŵ·Y, row by column)
    fft         convolution over all positions, circular, or causal by zero padding
    hadamard    elementwise, no mixing over positions
    local       depthwise with a small context-made kernel (`convolve_local`)
    elementwise W ⊙ Z² (`square_gate`)

All take (B, C, N), (B, C, H, W) and (B, C, T, H, W). Cost per channel, N positions on a square:
N·sqrt(N), N·log N, N. None is linear except hadamard.
"""

import functools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.core.errors import ConfigError, ShapeError, lookup
from twospeed.terminator.layers.resampling import resample_last

Mixing = Sequence[float] | None
"""Weight of each position axis in `mix_matmul`; None: rows of an image, time and rows of a clip."""

LONGEST_FOLD = 4096
"""Sequences longer than this are mixed by FFT when the operator is "auto"."""


def mix(
    kernel_BCS: Tensor,
    values_BCS: Tensor,
    *,
    operator: str = "auto",
    mixing: Mixing = None,
    causal: bool = False,
) -> Tensor:
    """Let the context-dependent kernel Ŵ = Z ⊙ W act on the values Y.

    Args:
        kernel_BCS: Ŵ, (B, C, *positions) or (1, C, *positions).
        values_BCS: Y, (B, C, *positions).
        operator: "matmul", "fft", "hadamard", or "auto" (`chosen_operator`).
        mixing: weights of the axes for "matmul".
        causal: output at time t depends on nothing after t, in kernel and values.

    Returns:
        (B, C, *positions).

    Raises:
        ShapeError: when the positions or channels of kernel and values differ.
        ConfigError: for causal use of an image, or mixing weights that fit no axis.
        UnknownNameError: for an unknown operator.
    """
    if kernel_BCS.shape[1:] != values_BCS.shape[1:]:
        raise ShapeError(
            f"kernel and values must agree in channels and positions, got "
            f"{tuple(kernel_BCS.shape[1:])} and {tuple(values_BCS.shape[1:])}"
        )
    num_axes = values_BCS.ndim - 2
    if causal and num_axes == 2:
        raise ConfigError("an image has no time axis: causal works for sequences and video clips")
    name = chosen_operator(operator, values_BCS.shape[2:])
    return lookup(OPERATORS, name, "operator")(kernel_BCS, values_BCS, mixing, causal)


def chosen_operator(operator: str, sizes: Sequence[int]) -> str:
    """Resolve "auto": matmul, but fft for sequences that are long or no whole square."""
    if operator != "auto":
        return operator
    if len(sizes) > 1:
        return "matmul"
    foldable = math.isqrt(sizes[0]) ** 2 == sizes[0] and sizes[0] <= LONGEST_FOLD
    return "matmul" if foldable else "fft"


def contraction_length(operator: str, sizes: Sequence[int]) -> int:
    """Return how many products are summed in one output of `mix`."""
    name = chosen_operator(operator, sizes)
    if name == "hadamard":
        return 1
    if name == "fft":
        return math.prod(sizes)
    return math.isqrt(sizes[0] - 1) + 1 if len(sizes) == 1 else sizes[-2]


def mix_matmul(kernel_BCS: Tensor, values_BCS: Tensor, mixing: Mixing, causal: bool) -> Tensor:
    """Matrix product per sample and channel; a sequence is folded to a square first."""
    if values_BCS.ndim == 3:
        return mix_folded(kernel_BCS, values_BCS, causal)
    weights = mixing_weights(mixing, values_BCS.ndim - 2)
    terms = [
        (mix_axis(kernel_BCS, values_BCS, axis, causal), weight)
        for axis, weight in enumerate(weights)
        if weight
    ]
    return functools.reduce(
        torch.add, (term if weight == 1 else term * weight for term, weight in terms)
    )


def mixing_weights(mixing: Mixing, num_axes: int) -> tuple[float, ...]:
    """Return one weight per axis: (1, 0) for images and (1/2, 1/2, 0) for clips by default.

    Raises:
        ConfigError: when the number of weights is not the number of axes, or all are 0.
    """
    if mixing is None:
        return (1.0, 0.0) if num_axes == 2 else (0.5, 0.5, 0.0)
    numbers = all(isinstance(weight, int | float) for weight in mixing)
    if len(mixing) != num_axes or not numbers or not any(mixing):
        raise ConfigError(
            f"mixing takes {num_axes} weights here, one per axis and not all 0, got {mixing}"
        )
    return tuple(mixing)


def mix_axis(kernel: Tensor, values: Tensor, axis: int, causal: bool) -> Tensor:
    """Mix along one position axis of (B, C, H, W) or (B, C, T, H, W).

    Rows and columns of a clip are mixed frame by frame; its time axis by a T x T matrix made of
    whole frames, lower triangular when causal.
    """
    if values.ndim == 5 and axis == 0:
        return mix_time(kernel, values, causal)
    if axis == values.ndim - 4:
        return resample_last(kernel, values.shape[-2]) @ values
    return values @ resample_last(kernel.mT, values.shape[-1]).mT


def mix_time(kernel_BCTHW: Tensor, values_BCTHW: Tensor, causal: bool) -> Tensor:
    """Mix the frames of a clip: out[t] = sum over t' of A[t, t']·Y[t']."""
    matrix_BCTT = resample_last(kernel_BCTHW.flatten(3), kernel_BCTHW.shape[2])
    if causal:
        matrix_BCTT = matrix_BCTT.tril()
    out_BCTN = matrix_BCTT @ values_BCTHW.flatten(3)
    return out_BCTN.reshape(values_BCTHW.shape)


def mix_folded(kernel_BCN: Tensor, values_BCN: Tensor, causal: bool) -> Tensor:
    """Fold a sequence row by row to a square, zeros at its end, and take the product there.

    Position (i, j) is time i·S + j. The product over k reads Ŵ[i, k] and Y[k, j], so both lie in
    the past if and only if k <= j and k <= i: two triangular masks make it causal.
    """
    length = values_BCN.shape[2]
    side = math.isqrt(length - 1) + 1
    kernel, values = (
        functional.pad(part, (0, side * side - length)).reshape(*part.shape[:2], side, side)
        for part in (kernel_BCN, values_BCN)
    )
    if causal:
        kernel, values = kernel.tril(), values.triu()
    out_BCN: Tensor = (kernel @ values).flatten(2)[:, :, :length]
    return out_BCN


def mix_fft(kernel_BCS: Tensor, values_BCS: Tensor, mixing: Mixing, causal: bool) -> Tensor:
    """Convolve over all positions; causal pads the time axis, so nothing wraps round.

    out[t] = sum over s of Ŵ[s]·Y[t - s]: with padding only s <= t takes part, and Ŵ[s] is made of
    features at s, so the output is causal in both factors.
    """
    del mixing
    sizes = list(values_BCS.shape[2:])
    axes = tuple(range(2, values_BCS.ndim))
    padded = [2 * sizes[0], *sizes[1:]] if causal else sizes
    dtype = values_BCS.dtype
    if dtype in (torch.bfloat16, torch.float16):
        kernel_BCS, values_BCS = kernel_BCS.float(), values_BCS.float()
    product = torch.fft.rfftn(kernel_BCS, padded, axes) * torch.fft.rfftn(values_BCS, padded, axes)
    out_BCS: Tensor = torch.fft.irfftn(product, padded, axes)[:, :, : sizes[0]]
    return out_BCS.to(dtype)


def mix_hadamard(kernel_BCS: Tensor, values_BCS: Tensor, mixing: Mixing, causal: bool) -> Tensor:
    """Multiply position by position; causal as it is."""
    del mixing, causal
    return kernel_BCS * values_BCS


OPERATORS: dict[str, Callable[[Tensor, Tensor, Mixing, bool], Tensor]] = {
    "matmul": mix_matmul,
    "fft": mix_fft,
    "hadamard": mix_hadamard,
}


def square_gate(descriptor: Tensor, kernel: Tensor) -> Tensor:
    """The two-elementwise form Z ⊙ W ⊙ Z = W ⊙ Z²; the sign of Z is lost."""
    return kernel * descriptor * descriptor
