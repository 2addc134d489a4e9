"""What a world is: a seed and language actions in, frames and truth out.

Holds: `Action`, `Pose`, `Observation`, `About`, `World`, `FastWorld`, `ScriptedWorld`,
`find_program`. Holds not: any world.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from twospeed.core.pictures import Frame as Frame


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
    objects: Mapping[str, tuple[float, ...]] | None = None
    """Thing -> its numbers, such as a position in metres; each world says which. None: unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What can be said of a kind of world without starting it."""

    domain: str
    """What kind of life it shows, such as "driving"."""

    engine: str
    """The simulator behind it, as people call it."""

    install: str
    """The line that brings the engine."""

    package: str = "twospeed"
    """The distribution whose version is the engine's."""

    modules: tuple[str, ...] = ()
    """Modules that must be there."""

    programs: tuple[str, ...] = ()
    """Programs that must be there; the first one is the engine."""

    interpreter: tuple[str, str] | None = None
    """For an engine in a Python of its own: the environment variable that names that Python, and
    the folder of its usual place (`child.find_python`)."""

    truth: tuple[str, ...] = ("pose",)
    """Fields of `Observation` that it fills beside the frame."""

    reach: float | None = None
    """Slope of the ray at the edge of a frame, 1 for a field of view of 90 degrees; None where
    nothing is known of a camera."""

    policy: str = "explore"
    """Who chooses the actions of a recording unless told otherwise."""

    chunks: int = 20
    """Actions of a recorded episode unless told otherwise."""

    repeats: bool = True
    """Whether one seed gives one episode bit for bit; not so where an engine runs in real time."""


def find_program(name: str) -> str | None:
    """Return where a program is, also where Debian puts games, or None."""
    return shutil.which(name) or shutil.which(name, path="/usr/games")


class World(Protocol):
    """A world that can be put in a state by a seed and driven by short English commands."""

    actions: Mapping[str, Action]
    """Canonical text -> action."""

    about: About
    """Engine, install line, truth."""

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


@runtime_checkable
class ScriptedWorld(Protocol):
    """A world that has somebody to play it: who sees the truth and pursues something."""

    def suggest(self, generator: np.random.Generator) -> str:
        """Choose the command of the next chunk from where the world stands now.

        Args:
            generator: draws whatever is left to chance.
        """
        ...
