"""Which seen pose a later one comes back to.

Axes: S seen frames, G generated ones, A and B any; a pose is x and y in metres, heading in degrees.
"""

import numpy as np
from numpy.typing import NDArray

SAME = 1e-3
"""Metres, and degrees: poses no farther apart are the same."""


def latest_same(
    seen_S3: NDArray[np.float64], generated_G3: NDArray[np.float64], metres: float, degrees: float
) -> NDArray[np.int64]:
    """Return the latest seen frame with the pose of each generated one, or -1: (G,)."""
    is_same = same_poses(generated_G3, seen_S3, metres, degrees)
    latest = len(seen_S3) - 1 - is_same[:, ::-1].argmax(axis=1)
    return np.where(is_same.any(axis=1), latest, -1)


def latest_nearest(
    seen_S3: NDArray[np.float64], generated_G3: NDArray[np.float64], metres: float, degrees: float
) -> NDArray[np.int64]:
    """Return the latest of the nearest seen frames: 22.5 degrees are as far as a metre; (G,)."""
    metres_GS, degrees_GS = _apart(generated_G3, seen_S3)
    metres_GS, degrees_GS = metres_GS // metres * metres, degrees_GS // degrees * degrees
    away_GS = metres_GS + degrees_GS / 22.5
    latest: NDArray[np.int64] = len(seen_S3) - 1 - away_GS[:, ::-1].argmin(axis=1)
    return latest


def same_poses(
    ones_A3: NDArray[np.float64],
    others_B3: NDArray[np.float64],
    metres: float = SAME,
    degrees: float = SAME,
) -> NDArray[np.bool_]:
    """Say which poses are as good as the same: (A, B)."""
    metres_AB, degrees_AB = _apart(ones_A3, others_B3)
    return (metres_AB < metres) & (degrees_AB < degrees)


def _apart(
    ones_A3: NDArray[np.float64], others_B3: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return metres and degrees between poses, both (A, B)."""
    away = ones_A3[:, None] - others_B3[None]
    degrees_AB: NDArray[np.float64] = abs((away[..., 2] + 180) % 360 - 180)
    return np.hypot(away[..., 0], away[..., 1]), degrees_AB
