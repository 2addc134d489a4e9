"""The cheapest way to obey a command: the last frame as a picture on a sphere, seen from elsewhere.

Nothing is learned and nothing is drawn: what leaves the frame is gone, and at the edges the last
pixel goes on. A turn is exact where the frame shows it; a step is right at one depth alone.
Axes: T frames, H and W pixels.
"""

import numpy as np
from numpy.typing import NDArray

from twospeed.core.video import Frames
from twospeed.worlds.routes.base import CHUNK_FRAMES, STEPS

Numbers = NDArray[np.float64]

DEPTH = 2.0
"""Metres from the camera to the picture."""

REACHES = {"rooms": 1.0, "doom": 3 / 4}
"""World -> slope of the ray at the edge of a frame."""


def warped(frame_HWC: NDArray[np.uint8], action: str, *, reach: float = 1.0) -> Frames:
    """Return what a command of the routes would show of a frame, (CHUNK_FRAMES, H, W, 3).

    Args:
        frame_HWC: square.
        action: a command in `STEPS`.
        reach: slope of the ray at its edge; 1 for a field of view of 90 degrees.
    """
    side = len(frame_HWC)
    slopes = ((2 * np.arange(side) + 1) / side - 1) * reach
    down, right = np.meshgrid(slopes, slopes, indexing="ij")
    rays_3HW = np.stack([np.ones_like(right), -right, -down])
    points_3HW = DEPTH * rays_3HW / np.linalg.norm(rays_3HW, axis=0)
    frames = []
    for steps in range(1, 1 + CHUNK_FRAMES):
        down, right = _slopes(points_3HW, *(steps * it for it in STEPS[action]))
        places = ((np.stack([down, right]) / reach + 1) * side / 2).clip(0, side - 1)
        frames.append(frame_HWC[tuple(places.astype(np.int64))])
    return np.stack(frames)


def _slopes(points_3HW: Numbers, ahead: float, left: float, turn: float) -> tuple[Numbers, Numbers]:
    """Return how far down and right of the old axis points lie that the new camera sees."""
    sine, cosine = np.sin(np.radians(turn)), np.cos(np.radians(turn))
    x, y, z = points_3HW
    depth = np.maximum(ahead + cosine * x - sine * y, 1e-3)
    return -z / depth, -(left + sine * x + cosine * y) / depth
