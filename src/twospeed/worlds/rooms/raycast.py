"""Draw what a camera sees in a scene of rooms: one ray a column, several frames at once.

Holds: `Scene` and `render`. Holds not: motion (world.py), colours of pixels (paint.py). Axes: F
frames, H and W pixels, M walls. The camera stands one metre high between a floor and a ceiling
two metres apart; depth is measured along the viewing direction, so walls stay straight.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from twospeed.worlds.rooms.camera import Array, Camera
from twospeed.worlds.rooms.floorplan import FloorPlan, Walls, draw_floor_plan, walls_along
from twospeed.worlds.rooms.looks import Landmark, Looks, draw_landmarks, draw_looks
from twospeed.worlds.rooms.paint import (
    Canvas,
    Paint,
    blank_canvas,
    look_up_colours_,
    paint_floor_and_ceiling_,
    paint_landmarks_,
    paint_walls_,
    prepare,
    shown_landmarks,
)
from twospeed.worlds.rooms.rays import WallTable, nearest_walls

Segment = tuple[float, float, float]

_BLOCK_FRAMES = 8  # drawn at once, so that the arrays stay in the processor's cache


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

    @cached_property
    def segments(self) -> tuple[list[Segment], list[Segment]]:
        """Position, start and end of every wall across x, and of every wall across y."""
        across_x, across_y = ([(p, a, b) for p, a, b in it.segments.tolist()] for it in self.walls)
        return across_x, across_y

    @cached_property
    def wall_table(self) -> WallTable:
        """All walls, for rays."""
        return WallTable.of_walls(self.walls)

    @cached_property
    def paint(self) -> Paint:
        """Tables for drawing, made when first asked for."""
        return prepare(self.plan, self.looks, self.landmarks)


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
    shape = (len(poses_F3), size, size)
    frames, landmarks = np.empty((*shape, 3), np.uint8), np.empty(shape, np.int8)
    for block, canvas in _painted_blocks(scene, poses_F3, Camera.of_size(size)):
        look_up_colours_(frames[block], canvas, scene.paint)
        landmarks[block] = shown_landmarks(canvas, scene.paint)
    return Picture(frames=frames, landmarks=landmarks)


def render_frames(scene: Scene, poses_F3: Array, camera: Camera) -> NDArray[np.uint8]:
    """Draw the frames of `render` and nothing else, with a camera that is already there."""
    frames = np.empty((len(poses_F3), camera.size, camera.size, 3), np.uint8)
    for block, canvas in _painted_blocks(scene, poses_F3, camera):
        look_up_colours_(frames[block], canvas, scene.paint)
    return frames


def _painted_blocks(
    scene: Scene, poses_F3: Array, camera: Camera
) -> Iterator[tuple[slice, Canvas]]:
    for start in range(0, len(poses_F3), _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        yield block, _paint(scene, poses_F3[block], camera)


def _paint(scene: Scene, poses_F3: Array, camera: Camera) -> Canvas:
    places_F2 = poses_F3[:, :2]
    forward_F2, rays_F2W = camera.rays(poses_F3)
    hits = nearest_walls(scene.wall_table, places_F2, rays_F2W)
    canvas = blank_canvas(len(poses_F3), camera.size)
    paint_floor_and_ceiling_(canvas, scene.paint, camera, places_F2, rays_F2W)
    paint_walls_(canvas, camera, hits)
    paint_landmarks_(canvas, scene.paint, camera, places_F2, forward_F2, hits.depth)
    return canvas
