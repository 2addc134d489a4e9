"""The built-in world: first-person rooms whose looks are new in every episode.

Holds: `Rooms`, its motion and its truth. Holds not: how frames are drawn (raycast.py), routes
with known revisits (routes/base.py). Four steps of "turn left" make a quarter turn, four steps of
"go forward" one metre; a step into a wall or a landmark is not taken.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import ConfigError
from twospeed.core.fields import checked
from twospeed.core.ranges import Seed
from twospeed.worlds.base import About, Action, Observation, Pose
from twospeed.worlds.language import MOVES, known_action
from twospeed.worlds.rooms.camera import REACH, Camera
from twospeed.worlds.rooms.raycast import Scene, render_frames

STEP_METRES = 0.25
STEP_DEGREES = 22.5
WALL_MARGIN = 0.3
LANDMARK_MARGIN = 0.5

MOTIONS: dict[str, tuple[float, float, float]] = {
    "go forward": (STEP_METRES, 0, 0),
    "go back": (-STEP_METRES, 0, 0),
    "turn left": (0, 0, STEP_DEGREES),
    "turn right": (0, 0, -STEP_DEGREES),
    "step left": (0, STEP_METRES, 0),
    "step right": (0, -STEP_METRES, 0),
}
"""Command -> metres ahead, metres to the left, degrees to the left, in one step."""


class Rooms:
    """Rooms joined by doorways, with textures, colours and landmarks of the episode's own.

    Args:
        frame_size: height and width of a frame in pixels.

    Raises:
        ConfigError: when `frame_size` is below 8.
    """

    actions: Mapping[str, Action] = MOVES
    about = About(
        domain="first-person navigation",
        engine="built-in rooms",
        install="pip install twospeed",
        reach=REACH,
    )
    frames_per_second = 4.0

    def __init__(self, frame_size: int = 64) -> None:
        if frame_size < 8:
            raise ConfigError(f"frame_size must be at least 8 pixels, got {frame_size}")
        self.frame_size = frame_size
        self._camera = Camera.of_size(frame_size)
        self.scene = Scene.of_seed(0)
        self.pose = Pose(x=1.5, y=1.5, heading=0.0)

    def reset(self, seed: int) -> Observation:
        """Start the episode of this seed at a place and heading that the seed decides."""
        seed = checked(seed, Seed, "seed")
        self.scene = Scene.of_seed(seed)
        self.pose = start_pose(self.scene, seed)
        return self._observe()

    def place(self, pose: Pose) -> Observation:
        """Put the camera anywhere in the current scene."""
        self.pose = Pose(x=pose.x, y=pose.y, heading=pose.heading % 360)
        return self._observe()

    def step(self, action: str) -> Observation:
        """Move by one frame's worth of a command and return what is seen then.

        Raises:
            UnknownNameError: when there is no such command.
        """
        self.pose = moved(self.scene, self.pose, action)
        return self._observe()

    def run(self, actions: Sequence[str], *, chunk_frames: int) -> list[Observation]:
        """Do as many calls of `step` would, bit for bit, but faster: frames are drawn together.

        Args:
            actions: canonical texts.
            chunk_frames: steps of every action.

        Raises:
            UnknownNameError: when there is no such command.
        """
        poses = walk(self.scene, self.pose, actions, chunk_frames=chunk_frames)[1:]
        frames = render_frames(self.scene, pose_array(poses), self._camera)
        self.pose = poses[-1] if poses else self.pose
        return [Observation(frame=it, pose=pose) for it, pose in zip(frames, poses, strict=True)]

    def close(self) -> None:
        """Nothing is held."""

    def _observe(self) -> Observation:
        frames = render_frames(self.scene, pose_array([self.pose]), self._camera)
        return Observation(frame=frames[0], pose=self.pose)


def frames_at(scene: Scene, poses: Sequence[Pose], *, size: int) -> NDArray[np.uint8]:
    """Draw the scene from many poses at once: uint8 (F, size, size, 3)."""
    return render_frames(scene, pose_array(poses), Camera.of_size(size))


def pose_array(poses: Sequence[Pose]) -> NDArray[np.float32]:
    """Return poses as float32 (F, 3): x, y, heading."""
    return np.array([(pose.x, pose.y, pose.heading) for pose in poses], np.float32).reshape(-1, 3)


def walk(scene: Scene, start: Pose, actions: Sequence[str], *, chunk_frames: int = 4) -> list[Pose]:
    """Return the poses of an episode: the start, then `chunk_frames` for every action."""
    poses = [start]
    for action in actions:
        for _ in range(chunk_frames):
            poses.append(moved(scene, poses[-1], action))
    return poses


def moved(scene: Scene, pose: Pose, action: str) -> Pose:
    """Return the pose after one step; the old place when something is in the way."""
    ahead, left, turn = MOTIONS[known_action(MOVES, action).text]
    angle = math.radians(pose.heading)
    x = pose.x + ahead * math.cos(angle) - left * math.sin(angle)
    y = pose.y + ahead * math.sin(angle) + left * math.cos(angle)
    if not is_free(scene, x, y):
        x, y = pose.x, pose.y
    return Pose(x=x, y=y, heading=(pose.heading + turn) % 360)


def is_free(scene: Scene, x: float, y: float) -> bool:
    """Say whether a camera can stand here: clear of walls and landmarks."""
    across_x, across_y = scene.segments
    return (
        0 < x < scene.plan.x_edges[-1]
        and 0 < y < scene.plan.y_edges[-1]
        and not any(_touches(wall, x, y) for wall in across_x)
        and not any(_touches(wall, y, x) for wall in across_y)
        and all(math.hypot(x - it.x, y - it.y) >= LANDMARK_MARGIN for it in scene.landmarks)
    )


def _touches(wall: tuple[float, float, float], across: float, along: float) -> bool:
    position, start, end = wall
    beside = max(start - along, along - end, 0.0)
    return math.hypot(across - position, beside) < WALL_MARGIN


def start_pose(scene: Scene, seed: int) -> Pose:
    """Return where the episode of this seed starts."""
    return free_pose(scene, np.random.default_rng([seed, 1]))


def free_pose(scene: Scene, generator: np.random.Generator) -> Pose:
    """Draw a free place in some room and any of the sixteen headings of a turn."""
    while True:
        x, y = scene.plan.centre(int(generator.integers(scene.plan.num_rooms)))
        x, y = (float(value + generator.uniform(-0.6, 0.6)) for value in (x, y))
        heading = float(generator.integers(16) * STEP_DEGREES)
        if is_free(scene, x, y):
            return Pose(x=x, y=y, heading=heading)
