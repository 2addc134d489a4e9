"""The true world beside a dream: it does the same commands, and can go back to where it was.

Holds: `Start`, `start_of`, `TrueWorld`. Holds not: what a player says (words.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from twospeed.core.pictures import Frame, Size
from twospeed.core.video import Frames
from twospeed.worlds.base import FastWorld, Observation, Pose, World
from twospeed.worlds.registry import make_world
from twospeed.worlds.rooms.map import draw_map
from twospeed.worlds.rooms.world import Rooms
from twospeed.worlds.starts import episode_of

PIXELS_PER_METRE = 24
"""Of the floor plan."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Start:
    """Where a session begins."""

    label: str
    """Such as "rooms:7", or the name of a picture."""

    frame: Frame
    """(H, W, 3), of the model's size."""

    world: str | None = None
    """Name of the true world; None for a picture."""

    world_seed: int = 0
    """Its episode."""


def start_of(label: str, size: Size) -> tuple[Start, "TrueWorld"]:
    """Start the episode that ``WORLD:SEED`` names, in frames of this size.

    Raises:
        ConfigError: when they are not square, as those of all worlds are.
        DataError: when it is written otherwise.
        UnknownNameError: when no world is called so.
        MissingExtraError: when its engine is not installed.
    """
    name, seed = episode_of(label)
    world = TrueWorld(make_world(name, frame_size=size.square_side("worlds draw")), seed)
    return Start(label=label, frame=world.now.frame, world=name, world_seed=seed), world


@runtime_checkable
class _Placeable(Protocol):
    """A world whose camera can be put anywhere."""

    def place(self, pose: Pose) -> Observation:
        """Put it there and return what is seen."""
        ...


class TrueWorld:
    """One episode of a true world.

    Args:
        world: any; `close` closes it.
        seed: of its episode.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._seed = world, seed
        self.now = world.reset(seed)
        """What is seen now."""
        self._done: list[tuple[str, int]] = []

    @property
    def steps(self) -> int:
        """Commands that were done."""
        return len(self._done)

    @property
    def commands(self) -> list[str]:
        """They themselves."""
        return [command for command, _ in self._done]

    def knows(self, command: str) -> bool:
        """Say whether the world has this command."""
        return command in self._world.actions

    def walk(self, command: str, frames: int) -> Sequence[Observation]:
        """Do a command for so many frames and return what is seen at each.

        Raises:
            UnknownNameError: when the world has no such command.
        """
        if isinstance(self._world, FastWorld):
            seen = self._world.run([command], chunk_frames=frames)
        else:
            seen = [self._world.step(command) for _ in range(frames)]
        self._done.append((command, frames))
        self.now = seen[-1]
        return seen

    def go_back(self, steps: int, seen: Observation) -> None:
        """Go back to where it was after its first `steps` commands.

        Args:
            steps: at most those that were done.
            seen: what was seen then.
        """
        if steps == self.steps:
            return
        del self._done[steps:]
        if isinstance(self._world, _Placeable) and seen.pose is not None:
            self._world.place(seen.pose)
        else:
            self._replay()
        self.now = seen

    def do_again(self, commands: Sequence[str], frames: int, pose: Pose | None) -> None:
        """Be where these commands led from the start, as in a saved session.

        Args:
            commands: each done for so many `frames`.
            frames: of a chunk.
            pose: where they led; where it is known and the world can, the camera is put there.

        Raises:
            UnknownNameError: when the world has no such command.
        """
        self._done = [(command, frames) for command in commands]
        if isinstance(self._world, _Placeable) and pose is not None:
            self.now = self._world.place(pose)
        else:
            self.now = self._replay()

    def plan(self) -> Frame | None:
        """Draw the floor plan, `PIXELS_PER_METRE`, half a metre of border; None without one."""
        if not isinstance(self._world, Rooms):
            return None
        return draw_map(self._world.scene, pixels_per_metre=PIXELS_PER_METRE)

    def close(self) -> None:
        """Give back what the world holds."""
        self._world.close()

    def _replay(self) -> Observation:
        seen = self._world.reset(self._seed)
        for command, frames in self._done:
            for _ in range(frames):
                seen = self._world.step(command)
        return seen


def frames_of(seen: Sequence[Observation]) -> Frames:
    """Return the frames of what was seen as one array (T, H, W, 3)."""
    return np.stack([one.frame for one in seen])
