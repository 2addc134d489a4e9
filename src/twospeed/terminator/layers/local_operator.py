"""The local form of the operator: depthwise cross-correlation with context-made kernels.

Stride 1, zeros outside, the kernel is not flipped. One kernel for the whole batch, or
one per sample (a convolution with B·C groups).
"""

from torch import Tensor
from torch.nn import functional

from twospeed.core.errors import ShapeError

CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d}


def convolve_local(values_BCS: Tensor, kernels_BCS: Tensor, *, causal: bool = False) -> Tensor:
    """Let every channel be convolved with its own small kernel.

    Args:
        values_BCS: (B, C, N) or (B, C, H, W); frames of a clip come as (B·T, C, H, W).
        kernels_BCS: (B or 1, C, k) or (B or 1, C, k, k), k odd.
        causal: (B, C, N) only: the kernel reaches into the past, its last tap is the present.

    Returns:
        The shape of `values_BCS`.

    Raises:
        ShapeError: when the axes differ, or the kernel is so large that some of its taps see no
            position at all (k > 2·size - 1).
    """
    check_reach(values_BCS, kernels_BCS)
    num_axes = values_BCS.ndim - 2
    batch, channels, *sizes = values_BCS.shape
    groups = channels if kernels_BCS.shape[0] == 1 else batch * channels
    inputs = values_BCS if kernels_BCS.shape[0] == 1 else values_BCS.flatten(0, 1)[None]
    weight = kernels_BCS.flatten(0, 1)[:, None].to(values_BCS.dtype)
    side = kernels_BCS.shape[-1]
    if causal and num_axes == 1:
        out = functional.conv1d(functional.pad(inputs, (side - 1, 0)), weight, groups=groups)
    else:
        out = CONVOLUTIONS[num_axes](inputs, weight, padding=side // 2, groups=groups)
    return out.reshape(batch, channels, *sizes)


def check_reach(values_BCS: Tensor, kernels_BCS: Tensor) -> None:
    """Refuse kernels and values that cannot belong together."""
    values, kernels = tuple(values_BCS.shape), tuple(kernels_BCS.shape)
    if len(values) != len(kernels) or values[1] != kernels[1] or kernels[0] not in (1, values[0]):
        raise ShapeError(f"local kernels of shape {kernels} do not fit values of shape {values}")
    if any(side > 2 * size - 1 for side, size in zip(kernels[2:], values[2:], strict=True)):
        raise ShapeError(
            f"positions {values[2:]} are too few for a local kernel of {kernels[2:]}: "
            f"at least {kernels[-1] // 2 + 1} per axis"
        )
