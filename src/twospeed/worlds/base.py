"""What a world is: a seed and language actions in, frames and truth out.

Holds: `Action`, `Pose`, `Observation`, `World`, `FastWorld`. Holds not: any world.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
"""(H, W, 3), sRGB, 0 to 255."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """A command that a world obeys, and the ways in which people say it."""

    text: str
    """The canonical text, such as "turn left"."""

    paraphrases: tuple[str, ...]
    """Other ways to say it, used in training."""

    held_out: tuple[str, ...]
    """Ways to say it that no training ever sees; action accuracy is measured on them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pose:
    """Where the camera is: metres on the floor plan, and the heading in degrees.

    Heading 0 looks along +x, 90 along +y (turning left adds), kept in [0, 360).
    """

    x: float
    y: float
    heading: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One frame and what the world knows about it."""

    frame: Frame
    pose: Pose | None = None


class World(Protocol):
    """A world that can be put in a state by a seed and driven by short English commands."""

    actions: Mapping[str, Action]
    """Canonical text -> action."""

    frames_per_second: float

    def reset(self, seed: int) -> Observation:
        """Start the episode of this seed; the same seed gives the same frames, bit for bit."""
        ...

    def step(self, action: str) -> Observation:
        """Carry out one frame's worth of a command, in canonical text.

        Raises:
            UnknownNameError: when the world knows no such command.
        """
        ...

    def close(self) -> None:
        """Give back what the world holds, such as an engine process."""
        ...


@runtime_checkable
class FastWorld(Protocol):
    """A world that carries out a list of commands faster than step by step."""

    def run(self, actions: Sequence[str], *, chunk_frames: int) -> list[Observation]:
        """Give what `step` would, called `chunk_frames` times for every action, bit for bit.

        Raises:
            UnknownNameError: when the world knows no such command.
        """
        ...
