"""What the simulator knows of a clip of rooms: how the camera moved, walls, colours, landmarks.

Holds: `Labels`, `RoomLabels`, `draw_clips`. Holds not: other worlds (places.py), the network that
learns to tell them (network.py). Axes: B clips, T frames, S steps from frame to frame (T - 1), W
bands of columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from twospeed.core.video import Frames
from twospeed.data.policy import explore
from twospeed.worlds.language import MOVES
from twospeed.worlds.rooms.camera import Camera
from twospeed.worlds.rooms.looks import COLOURS, SHAPES
from twospeed.worlds.rooms.raycast import Scene, render
from twospeed.worlds.rooms.rays import nearest_walls
from twospeed.worlds.rooms.world import STEP_DEGREES, STEP_METRES, free_pose, pose_array, walk

Array = NDArray[np.float32]
Classes = NDArray[np.int64]

BANDS = 16
"""Bands of neighbouring columns that a frame is cut into."""

COLOUR_CLASSES = len(COLOURS) + 1
SHAPE_CLASSES = len(SHAPES) + 1
"""Kinds of landmarks; the last is none."""

LEAST_SHARE = 0.03
"""Share of a band's pixels that a landmark must cover to be there."""

WALK_CHUNKS = 18


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Labels:
    """The truth of a batch of clips of any world."""

    moved_BS3: Array
    """Steps ahead, steps to the left, steps of a turn to the left; 1 is what one command does."""


L = TypeVar("L", bound=Labels)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class RoomLabels(Labels):
    """The truth of a batch of clips of rooms."""

    depth_BTW: Array
    """Logarithm of the metres to the wall in the middle of the band."""

    walls_BTW3: Array
    """Mean colour of that wall, 0 to 1, without light and fog."""

    rooms_BT6: Array
    """Colours of floor and ceiling of the room that the camera stands in, 0 to 1."""

    colours_BTW: Classes
    """Colour of the landmark that covers most of the band."""

    shapes_BTW: Classes
    """Its shape."""


def draw_clips(seed: int, *, clips: int, frames: int, size: int = 64) -> tuple[Frames, RoomLabels]:
    """Draw clips of one episode, each a stretch under one command, and what is true of them.

    Args:
        seed: of the scene; decides the walk as well.
        clips: B.
        frames: T.
        size: height and width of a frame in pixels.

    Returns:
        uint8 (B, T, size, size, 3) and the labels.
    """
    scene, generator = Scene.of_seed(seed), np.random.default_rng([seed, 5])
    actions = explore(list(MOVES), generator, WALK_CHUNKS)
    start = free_pose(scene, generator)
    poses = pose_array(walk(scene, start, actions, chunk_frames=frames - 1))
    places = generator.choice(WALK_CHUNKS, clips, replace=clips > WALK_CHUNKS) * (frames - 1)
    poses_BT3 = poses[places[:, None] + np.arange(frames)]
    picture = render(scene, poses_BT3.reshape(-1, 3), size=size)
    apart = (clips, frames)
    kinds = (_kinds(scene, picture.landmarks)).reshape(2, *apart, BANDS)
    depth, walls = _walls(scene, poses_BT3.reshape(-1, 3), size)
    labels = RoomLabels(
        moved_BS3=moved_between(poses_BT3),
        depth_BTW=depth.reshape(*apart, BANDS),
        walls_BTW3=walls.reshape(*apart, BANDS, 3),
        rooms_BT6=_rooms(scene, poses_BT3.reshape(-1, 3)).reshape(*apart, 6),
        colours_BTW=kinds[0],
        shapes_BTW=kinds[1],
    )
    return picture.frames.reshape(*apart, size, size, 3), labels


def joined(labels: Sequence[L]) -> L:
    """Put the labels of several batches, all of one kind, into one."""
    kind = type(labels[0])
    names = [it.name for it in fields(kind)]
    return kind(**{it: np.concatenate([getattr(one, it) for one in labels]) for it in names})


def moved_between(poses_BT3: Array) -> Array:
    """Return how the camera moved from frame to frame, in steps of its own frame, (B, S, 3)."""
    before, after = poses_BT3[:, :-1].astype(np.float64), poses_BT3[:, 1:]
    angle = np.radians(before[..., 2])
    east, north = (after[..., axis] - before[..., axis] for axis in (0, 1))
    ahead = east * np.cos(angle) + north * np.sin(angle)
    left = north * np.cos(angle) - east * np.sin(angle)
    turned = (after[..., 2] - before[..., 2] + 180) % 360 - 180
    steps = [ahead / STEP_METRES, left / STEP_METRES, turned / STEP_DEGREES]
    return np.stack(steps, axis=-1).astype(np.float32)


def _walls(scene: Scene, poses_F3: Array, size: int) -> tuple[Array, Array]:
    """Return logarithm of depth (F, W) and mean colour (F, W, 3) of the wall of each band."""
    middles = (np.arange(BANDS) * 2 + 1) * size // (2 * BANDS)
    _, rays_F2W = Camera.of_size(size).rays(poses_F3)
    hits = nearest_walls(scene.wall_table, poses_F3[:, :2], rays_F2W[..., middles])
    colours_N3 = scene.looks.wall_textures[:, :, -1].mean((2, 3)).T
    return np.log(np.maximum(hits.depth, 0.1)), colours_N3[hits.face]


def _rooms(scene: Scene, poses_F3: Array) -> Array:
    rooms = [scene.plan.room_at(x, y) for x, y in poses_F3[:, :2].tolist()]
    looks = scene.looks
    return np.concatenate([looks.floors[rooms], looks.ceilings[rooms]], axis=1)


def _kinds(scene: Scene, shown_FHW: NDArray[np.int8]) -> Classes:
    """Return colour and shape of the landmark that covers most of each band, (2, F, W)."""
    frames, height, width = shown_FHW.shape
    shown = shown_FHW.reshape(frames, height, BANDS, width // BANDS)
    counts_LFW = np.stack([(shown == mark).sum((1, 3)) for mark in range(len(scene.landmarks))])
    most_FW = counts_LFW.argmax(0)
    is_there = counts_LFW.max(0) >= LEAST_SHARE * height * width / BANDS
    kinds_L2 = np.array([divmod(mark.identity, len(COLOURS)) for mark in scene.landmarks])
    shapes, colours = kinds_L2[most_FW, 0], kinds_L2[most_FW, 1]
    none = (len(COLOURS), len(SHAPES))
    return np.stack(
        [np.where(is_there, it, other) for it, other in zip((colours, shapes), none, strict=True)]
    )
