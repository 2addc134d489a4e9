"""What a mean over positions may look at: everything, or, in causal use, only the past.

Instance statistics, pooled descriptors and gates all take means over positions. With a time axis
and causal use they must not see the future: a sequence takes the mean of the positions
so far, a video the mean of each frame.
"""

import torch
from torch import Tensor

EPSILON = 1e-5
"""In the root of every standardization."""


def mean_over_positions(x_BCS: Tensor, *, causal: bool = False) -> Tensor:
    """Return the mean over positions with axes kept, so that it broadcasts against the input.

    Args:
        x_BCS: (B, C, N), (B, C, H, W) or (B, C, T, H, W).
        causal: (B, C, N) takes the running mean, (B, C, T, H, W) the mean per frame.

    Returns:
        (B, C, 1...), or causal (B, C, N) and (B, C, T, 1, 1).
    """
    if not causal:
        return x_BCS.mean(tuple(range(2, x_BCS.ndim)), keepdim=True)
    if x_BCS.ndim == 5:
        return x_BCS.mean((3, 4), keepdim=True)
    steps_N = torch.arange(1, x_BCS.shape[2] + 1, device=x_BCS.device, dtype=x_BCS.dtype)
    return x_BCS.cumsum(2) / steps_N


def moments(x_BCS: Tensor, *, causal: bool = False) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance over positions, broadcastable against the input."""
    mean = mean_over_positions(x_BCS, causal=causal)
    if causal and x_BCS.ndim == 3:
        square = mean_over_positions(x_BCS.square(), causal=True)
        return mean, (square - mean.square()).clamp_min(0)
    return mean, mean_over_positions((x_BCS - mean).square(), causal=causal)
