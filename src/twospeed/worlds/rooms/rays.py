"""Where rays meet walls.

Holds: `WallTable` and `nearest_walls`. Axes: F frames, W columns of pixels (a ray each), M walls.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.worlds.rooms.floorplan import Walls

Array = NDArray[np.float32]

_NEAR = np.float32(1e-3)
_FAR = np.float32(1e6)
_NEVER_ZERO = np.float32(1e-6)


@dataclass(frozen=True, kw_only=True, eq=False)
class WallTable:
    """The walls of both axes below each other."""

    axis: NDArray[np.intp]
    """(M,): which coordinate of a wall is fixed: 0 for x, 1 for y."""

    position: Array
    """(M, 1): its value."""

    start: Array
    """(M, 1): where the wall begins on the other axis."""

    end: Array
    """(M, 1): where it ends."""

    faces: NDArray[np.int32]
    """(M, 2): face seen by a ray that travels up the axis, and by one that travels down."""

    @classmethod
    def of_walls(cls, walls: tuple[Walls, Walls]) -> "WallTable":
        """Join the walls that stand across x and those that stand across y."""
        position_M1, start_M1, end_M1 = np.concatenate([it.segments for it in walls]).T[..., None]
        return cls(
            axis=np.repeat([0, 1], [len(it.segments) for it in walls]),
            position=position_M1.copy(),
            start=start_M1.copy(),
            end=end_M1.copy(),
            faces=np.concatenate([it.faces for it in walls]),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Hits:
    """Where the rays of every column end, each array (F, W)."""

    depth: Array
    """Metres along the viewing direction."""

    face: NDArray[np.int32]
    """Number of the wall face, see `floorplan.walls_along`."""

    along: Array
    """Place on the other axis of the wall, in metres."""

    axis: NDArray[np.intp]
    """0 for a wall at fixed x, 1 for one at fixed y."""


def nearest_walls(table: WallTable, places_F2: Array, rays_F2W: Array) -> Hits:
    """Meet every ray with every wall and keep the nearest.

    Args:
        table: the walls.
        places_F2: where the rays start, in metres.
        rays_F2W: the rays; the depth of a hit is counted in their length.
    """
    ahead_F2W = np.where(np.abs(rays_F2W) < _NEVER_ZERO, _NEVER_ZERO, rays_F2W)
    other_M = 1 - table.axis
    gap_FM1 = table.position - places_F2[:, table.axis, None]
    depth_FMW = gap_FM1 / ahead_F2W[:, table.axis]
    along_FMW = depth_FMW * rays_F2W[:, other_M]
    along_FMW += places_F2[:, other_M, None]
    is_miss = (depth_FMW <= _NEAR) | (along_FMW < table.start) | (along_FMW > table.end)
    np.copyto(depth_FMW, _FAR, where=is_miss)
    wall_FW = depth_FMW.argmin(axis=1)
    frame, column = np.arange(len(places_F2))[:, None], np.arange(rays_F2W.shape[2])
    axis_FW = table.axis[wall_FW]
    goes_down = ahead_F2W[frame, axis_FW, column] < 0
    return Hits(
        depth=depth_FMW[frame, wall_FW, column],
        face=table.faces[wall_FW, goes_down.astype(np.intp)],
        along=along_FMW[frame, wall_FW, column],
        axis=axis_FW,
    )
