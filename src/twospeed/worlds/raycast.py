"""Draw what a camera sees in a scene of rooms: one ray a column, all frames at once.

Holds: `Scene` and `render`. Holds not: motion. Axes: F frames, H and W pixels, M walls. The
camera stands one metre high between a floor and a ceiling two metres apart; depth is measured
along the viewing direction, so walls stay straight.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.worlds.floorplan import FloorPlan, Walls, draw_floor_plan, walls_along
from twospeed.worlds.looks import (
    LEVELS,
    SPRITE,
    TEXELS,
    Landmark,
    Looks,
    draw_landmarks,
    draw_looks,
    sprite_of,
)

Array = NDArray[np.float32]

FIELD_OF_VIEW = 90.0
"""Degrees, across and up."""

TILE_CONTRAST = 0.25
"""How much darker every other floor tile is close by; far tiles fade into each other."""

LANDMARK_SIZE = 0.9
"""Metres, across and up."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One episode's truth: floor plan, looks, landmarks."""

    plan: FloorPlan
    looks: Looks
    landmarks: tuple[Landmark, ...]
    walls: tuple[Walls, Walls]

    @classmethod
    def of_seed(cls, seed: int) -> "Scene":
        """Draw the scene of an episode."""
        generator = np.random.default_rng([seed, 0])
        plan = draw_floor_plan(generator)
        return cls(
            plan=plan,
            looks=draw_looks(plan, generator),
            landmarks=draw_landmarks(plan, generator),
            walls=(walls_along(plan, 0), walls_along(plan, 1)),
        )


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What was drawn, and which landmark each pixel shows."""

    frames: NDArray[np.uint8]
    """(F, H, W, 3)."""

    landmarks: NDArray[np.int8]
    """(F, H, W): index into `Scene.landmarks`, or -1."""


def render(scene: Scene, poses_F3: Array, *, size: int) -> Picture:
    """Draw the scene from every pose.

    Args:
        scene: what there is to see.
        poses_F3: float32 (F, 3): x and y in metres, heading in degrees.
        size: height and width of a frame in pixels.
    """
    slopes_W = _slopes(size)
    forward_F2 = _unit(poses_F3[:, 2])
    right_F2 = np.stack([forward_F2[:, 1], -forward_F2[:, 0]], axis=1)
    rays_FW2 = forward_F2[:, None] + slopes_W[:, None] * right_F2[:, None]
    depth_FW, face_FW, along_FW, shade_FW = _nearest_walls(scene, poses_F3, rays_FW2)
    frames = _floor_and_ceiling(scene, poses_F3, rays_FW2, size)
    _draw_walls_(frames, scene.looks, depth_FW, face_FW, along_FW, shade_FW)
    shown = np.full(frames.shape[:3], -1, np.int8)
    for index, pose in enumerate(poses_F3):
        place = (pose[:2], forward_F2[index], right_F2[index])
        _draw_landmarks_(frames[index], shown[index], scene.landmarks, place, depth_FW[index])
    return Picture(frames=(frames * 255 + 0.5).astype(np.uint8), landmarks=shown)


def _slopes(size: int) -> Array:
    """Return how far aside a ray goes per metre of depth, for every column (or row)."""
    reach = np.tan(np.radians(FIELD_OF_VIEW) / 2)
    return ((np.arange(size, dtype=np.float32) + 0.5) / (size / 2) - 1) * np.float32(reach)


def _unit(degrees: Array) -> Array:
    radians = np.radians(degrees.astype(np.float64))
    return np.stack([np.cos(radians), np.sin(radians)], axis=-1).astype(np.float32)


def _fog(depth: Array) -> Array:
    return np.asarray(1 / (1 + 0.06 * depth), np.float32)


def _nearest_walls(
    scene: Scene, poses_F3: Array, rays_FW2: Array
) -> tuple[Array, NDArray[np.int32], Array, Array]:
    """Return depth, texture, place along the wall in metres, and brightness, each (F, W)."""
    hits = [_hits(scene.walls[axis], axis, poses_F3, rays_FW2) for axis in (0, 1)]
    across = hits[0][0] <= hits[1][0]
    depth, face, along = (np.where(across, a, b) for a, b in zip(*hits, strict=True))
    shade = np.where(across, np.float32(1.0), np.float32(0.82)) * _fog(depth)
    return depth, face, along, shade


def _hits(
    walls: Walls, axis: int, poses_F3: Array, rays_FW2: Array
) -> tuple[Array, NDArray[np.int32], Array]:
    """Meet every ray with every wall of one axis and keep the nearest."""
    position_M, start_M, end_M = walls.segments.T
    ray_FW = rays_FW2[..., axis]
    ray_FW = np.where(np.abs(ray_FW) < 1e-6, np.float32(1e-6), ray_FW)
    gap_FM = position_M - poses_F3[:, axis, None]
    depth_FWM = gap_FM[:, None] / ray_FW[..., None]
    along_FWM = poses_F3[:, 1 - axis, None, None] + depth_FWM * rays_FW2[..., 1 - axis, None]
    is_hit = (depth_FWM > 1e-3) & (along_FWM >= start_M) & (along_FWM <= end_M)
    depth_FWM = np.where(is_hit, depth_FWM, np.float32(1e6))
    wall_FW1 = depth_FWM.argmin(-1)[..., None]
    depth_FW = np.take_along_axis(depth_FWM, wall_FW1, -1)[..., 0]
    along_FW = np.take_along_axis(along_FWM, wall_FW1, -1)[..., 0]
    return depth_FW, walls.faces[wall_FW1[..., 0], (ray_FW < 0).astype(np.int64)], along_FW


def _floor_and_ceiling(scene: Scene, poses_F3: Array, rays_FW2: Array, size: int) -> Array:
    """Draw floor tiles and ceilings as if there were no walls."""
    slopes = _slopes(size)[size // 2 :]
    slopes = np.maximum(slopes, np.float32(0.5 / size))
    depth_H = 1 / slopes
    points = poses_F3[:, None, None, :2] + depth_H[:, None, None] * rays_FW2[:, None]
    cells = np.floor(points * 2).astype(np.int32)
    room = _room_numbers(scene.plan, cells)
    is_dark = ((cells[..., 0] + cells[..., 1]) & 1).astype(np.float32)
    contrast_H = TILE_CONTRAST / (1 + (depth_H / 3) ** 2)
    tile = 1 - TILE_CONTRAST / 2 - contrast_H[:, None] * (is_dark - 0.5)
    fog = _fog(depth_H)[:, None, None]
    floor = scene.looks.floors[room] * (tile[..., None] * fog)
    ceiling = scene.looks.ceilings[room] * fog
    return np.concatenate([ceiling[:, size % 2 :][:, ::-1], floor], axis=1)


def _room_numbers(plan: FloorPlan, cells: NDArray[np.int32]) -> NDArray[np.int32]:
    """Look up the room of half-metre cells; cells outside take the nearest room."""
    columns, rows = (
        np.searchsorted(2 * np.array(edges), np.arange(2 * edges[-1]), side="right") - 1
        for edges in (plan.x_edges, plan.y_edges)
    )
    column = columns[cells[..., 0].clip(0, len(columns) - 1)]
    row = rows[cells[..., 1].clip(0, len(rows) - 1)]
    return np.asarray(row * plan.columns + column, np.int32)


def _draw_walls_(
    frames: Array,
    looks: Looks,
    depth_FW: Array,
    face_FW: NDArray[np.int32],
    along_FW: Array,
    shade_FW: Array,
) -> None:
    """Paint wall pixels over `frames` (F, H, W, 3)."""
    height_FHW = 1 - _slopes(frames.shape[1])[:, None] * depth_FW[:, None]
    is_wall = (height_FHW >= 0) & (height_FHW <= 2)
    frame, row, column = np.nonzero(is_wall)
    texel_v = (height_FHW[frame, row, column] * (TEXELS / 2)).astype(np.int32)
    texel_u_FW = (along_FW * (TEXELS / 2)).astype(np.int32) % TEXELS
    level_FW = ((depth_FW > 2.5).astype(np.int32) + (depth_FW > 5)) * TEXELS
    base_FW = (face_FW * LEVELS * TEXELS + level_FW) * TEXELS + texel_u_FW
    flat = base_FW[frame, column] + texel_v.clip(0, TEXELS - 1) * TEXELS
    colours = looks.wall_textures.reshape(-1, 3).take(flat, axis=0)
    frames[frame, row, column] = colours * shade_FW[frame, column, None]


def _draw_landmarks_(
    frame: Array,
    shown: NDArray[np.int8],
    landmarks: tuple[Landmark, ...],
    place: tuple[Array, Array, Array],
    depth_W: Array,
) -> None:
    """Paint the landmarks in front of the camera, the farthest first."""
    position, forward, right = place
    offsets = np.array([(mark.x, mark.y) for mark in landmarks], np.float32) - position
    depths = offsets @ forward
    for index in np.argsort(-depths):
        if depths[index] > 0.25:
            aside = float(offsets[index] @ right)
            _draw_landmark_(
                frame, shown, int(index), landmarks, float(depths[index]), aside, depth_W
            )


def _draw_landmark_(
    frame: Array,
    shown: NDArray[np.int8],
    index: int,
    landmarks: tuple[Landmark, ...],
    depth: float,
    aside: float,
    depth_W: Array,
) -> None:
    size = len(frame)
    half = LANDMARK_SIZE / 2
    slopes = _slopes(size) * np.float32(depth)
    u = (slopes - np.float32(aside) + half) * np.float32(SPRITE / LANDMARK_SIZE)
    v = (slopes - np.float32(1 - LANDMARK_SIZE)) * np.float32(SPRITE / LANDMARK_SIZE)
    columns = np.nonzero((u >= 0) & (u < SPRITE) & (depth_W > depth))[0]
    rows = np.nonzero((v >= 0) & (v < SPRITE))[0]
    if not len(columns) or not len(rows):
        return
    mask, colours = sprite_of(landmarks[index].identity)
    texels = np.ix_(v[rows].astype(np.int64), u[columns].astype(np.int64))
    pixels = np.ix_(rows, columns)
    inside = mask[texels]
    frame[pixels] = np.where(
        inside[..., None], colours[texels] * _fog(np.float32(depth)), frame[pixels]
    )
    shown[pixels] = np.where(inside, np.int8(index), shown[pixels])
