"""Where the rays of a picture go and how light fades along them.

Holds: `Camera`, what depends on the size of a frame alone. Axes: F frames, H and W pixels. The
camera stands one metre high between a floor and a ceiling two metres apart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

REACH = 1.0
"""Slope of the ray at the edge of a frame: 90 degrees are seen, across and up."""

TILE_CONTRAST = 0.25
"""How much darker every other floor tile is close by; far tiles fade into each other."""


FOG = 0.06
"""At a depth of d metres things are ``1 / (1 + FOG * d)`` times as bright."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Camera:
    """Tables for frames of one size."""

    size: int
    """Height and width in pixels."""

    slopes: Array
    """(W,) or (H,): metres to the right of, or below, the axis per metre of depth."""

    slope_list: tuple[float, ...]
    """The same as plain numbers."""

    floor_depth: Array
    """(lower half of H, 1): depth of the floor there, and of the ceiling in the mirrored row."""

    fade: Array
    """Of the same shape: how bright things are at these depths."""

    tiles: tuple[Array, Array]
    """Of the same shape: how bright light and dark floor tiles are at these depths."""

    @classmethod
    def of_size(cls, size: int) -> "Camera":
        """Make the tables for frames of `size` pixels."""
        slopes = ((np.arange(size, dtype=np.float32) + 0.5) / (size / 2) - 1) * np.float32(REACH)
        lower = np.maximum(slopes[size // 2 :], np.float32(0.5 / size))
        depth_H1 = np.asarray(1 / lower, np.float32)[:, None]
        return cls(
            size=size,
            slopes=slopes,
            slope_list=tuple(slopes.tolist()),
            floor_depth=depth_H1,
            fade=fog(depth_H1),
            tiles=(_tile(depth_H1, tone=0.5), _tile(depth_H1, tone=-0.5)),
        )

    def rays(self, poses_F3: Array) -> tuple[Array, Array]:
        """Return where the camera looks, (F, 2), and the ray of every column, (F, 2, W).

        Rays are as long as their depth along the viewing direction is one metre.
        """
        radians = np.radians(poses_F3[:, 2].astype(np.float64))
        forward_F2 = np.stack([np.cos(radians), np.sin(radians)], axis=-1).astype(np.float32)
        right_F21 = (forward_F2[:, ::-1] * _TO_THE_RIGHT)[..., None]
        return forward_F2, forward_F2[..., None] + self.slopes * right_F21


_TO_THE_RIGHT = np.array([1, -1], np.float32)


def _tile(depth: Array, *, tone: float) -> Array:
    """Return how bright floor tiles are that are lighter (tone 0.5) or darker (-0.5)."""
    contrast = TILE_CONTRAST / (1 + (depth / 3) ** 2)
    return np.asarray((1 - TILE_CONTRAST / 2 + contrast * tone) * fog(depth), np.float32)


def fog(depth: Array) -> Array:
    """Return how bright things are at so many metres."""
    return np.asarray(1 / (1 + FOG * depth), np.float32)
