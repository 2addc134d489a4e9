"""A ball's view of a maze of coloured walls, in which memory is measured: Memory Maze, 9 x 9.

Holds: `MemoryMaze`. The simulator needs MuJoCo of its own version, so it runs under a Python of its
own (hosted.py, memory_maze_engine.py). Holds not: the words (words/maze.py), who walks
(maze_walker.py).
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import checked
from twospeed.core.pictures import Frame
from twospeed.core.ranges import Seed
from twospeed.worlds.base import About, Action, Observation, Pose
from twospeed.worlds.simulators.hosted import HostedEngine
from twospeed.worlds.simulators.maze_walker import Ball, MazeWalker
from twospeed.worlds.words.maze import MAZE

_LITTLE = 0.35  # of the strength: a quarter of the turn, since the floor rubs
_BALLS: dict[str, Ball] = {
    "go forward": Ball(ahead=1.0, left=0.0),
    "turn left": Ball(ahead=0.0, left=1.0),
    "turn right": Ball(ahead=0.0, left=-1.0),
    "turn left a little": Ball(ahead=0.0, left=_LITTLE),
    "turn right a little": Ball(ahead=0.0, left=-_LITTLE),
    "go forward turning left": Ball(ahead=1.0, left=1.0),
    "go forward turning right": Ball(ahead=1.0, left=-1.0),
    "wait": Ball(ahead=0.0, left=0.0),
}


class MemoryMaze:
    """A maze of 9 x 9 cells of two metres; the seed lays it out, colours it and sets the start.

    A frame is a quarter of a second. A command of four frames turns by 73 degrees or rolls up to
    two metres; the ball takes a frame to get going and rolls out. The border in the colour of a
    target that the original can draw is left off. Metres from the lower left of the map.
    `Observation.objects` holds the places of ``"red target"``, ``"green target"`` and
    ``"blue target"``, half-spheres that one can roll through.
    """

    actions: Mapping[str, Action] = MAZE
    about = About(
        domain="first-person navigation",
        engine="Memory Maze",
        install=(
            "python3.11 -m venv ~/.local/share/twospeed/memory_maze &&"
            " ~/.local/share/twospeed/memory_maze/bin/pip install mujoco==3.3.0 dm_control==1.0.28"
            " labmaze==1.0.6 gym==0.26.2 'numpy<2.3' &&"
            " ~/.local/share/twospeed/memory_maze/bin/pip install --no-deps memory-maze==1.0.3"
        ),
        package="memory-maze",
        interpreter=("TWOSPEED_MEMORY_MAZE_PYTHON", "memory_maze"),
        truth=("pose", "objects"),
        reach=math.tan(math.radians(80 / 2)),
        policy="scripted",
        chunks=54,
    )
    frames_per_second = 4.0

    def __init__(self, *, frame_size: int = 64) -> None:
        """Start the engine.

        Args:
            frame_size: height and width of the frames in pixels, 16 to 512.

        Raises:
            MissingExtraError: when there is no Python that has it.
            ConfigError: when `frame_size` is outside its range.
            DataError: when it does not start.
        """
        engine = Path(__file__).with_name("memory_maze_engine.py")
        self._engine = HostedEngine(self.about, engine, frame_size=frame_size)
        self._walker: MazeWalker | None = None

    def reset(self, seed: int) -> Observation:
        """Build the maze of this seed and start in one of its rooms."""
        seed = checked(seed, Seed, "seed")
        seen, frame = self._engine.ask({"do": "reset", "seed": seed % 2**32})
        self._targets = {f"{name} target": tuple(it) for name, it in seen["targets"].items()}
        self._walker = MazeWalker(np.array(seen["walls"]), seen["cell"], _BALLS)
        return self._observe(seen, frame)

    def step(self, action: str) -> Observation:
        """Carry out one frame's worth of a command."""
        ball = lookup(_BALLS, action, "action")
        if self._walker is None:
            raise ConfigError("reset the world before the first step")
        return self._observe(
            *self._engine.ask({"do": "step", "ahead": ball.ahead, "left": ball.left})
        )

    def suggest(self, generator: np.random.Generator) -> str:
        """Choose the next command of somebody who walks to places, old and new, and looks round."""
        if self._walker is None:
            raise ConfigError("reset the world before the first step")
        return self._walker.choose(self._pose, generator)

    def close(self) -> None:
        """Stop the engine."""
        self._engine.close()

    def _observe(self, seen: dict[str, Any], frame: Frame) -> Observation:
        x, y, heading = seen["pose"]
        self._pose = Pose(x=x, y=y, heading=heading % 360.0)
        return Observation(
            frame=frame,
            pose=self._pose,
            objects=self._targets,
        )
