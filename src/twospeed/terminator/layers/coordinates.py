"""Coordinate grids: what a slow net reads instead of the data.

Every axis runs from -1 to 1 whatever its number of points, so another resolution means other
coordinates and never other weights.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError

PointsOf = Callable[[int], Tensor]
"""Number of points -> float32 (number of points,), from -1 to 1."""


def axis_points(num_points: int) -> Tensor:
    """Return `num_points` equally spaced numbers from -1 to 1, the same bits on every device.

    The step is rounded to single precision, each half is counted from its own end in double
    precision and rounded once. At a base frequency of 2000 the last bit of a coordinate is
    visible in the kernel, so the rule is part of the definition.

    Returns:
        float32 (num_points,); a single point lies at -1.

    Raises:
        ConfigError: for fewer than one point.
    """
    if num_points < 1:
        raise ConfigError(f"an axis needs at least 1 point, got {num_points}")
    if num_points == 1:
        return torch.tensor([-1.0])
    step = torch.tensor(2 / (num_points - 1), dtype=torch.float32).double()
    index = torch.arange(num_points, dtype=torch.float64)
    from_left = (-1 + step * index).float()
    from_right = (1 - step * (num_points - 1 - index)).float()
    return torch.where(index < num_points // 2, from_left, from_right)


def grid_of(sizes: Sequence[int], points_of: PointsOf = axis_points) -> Tensor:
    """Return the coordinates of every position of a grid, first axis = rows ('ij' order).

    Args:
        sizes: points per axis, such as (H, W).
        points_of: rule for one axis.

    Returns:
        float32 (D, *sizes), D the number of axes.
    """
    return torch.stack(torch.meshgrid(*(points_of(size) for size in sizes), indexing="ij"))


def widest_step(sizes: Sequence[int]) -> float:
    """Return the distance of neighbouring points on the axis with the most points."""
    return 2 / max(1, max(sizes) - 1)
