"""The contract of a task, and an episode of it as far as it is seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from twospeed.core.video import Frames
from twospeed.worlds.base import Observation, World

CHUNK_FRAMES = 4
"""Frames of one command."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Begun:
    """An episode that was seen; the world stands at its end."""

    seed: int
    actions: tuple[str, ...]
    """What was done, a chunk each."""

    shots: tuple[Observation, ...]
    """What was seen: the first frame, 4 for each action, then one for each step aside."""

    aside: tuple[str, ...] = ()
    """Single steps off the path, seen and not learned."""

    sentence: str = ""
    """What is asked in this episode, where a seed decides that; "" asks what the task asks."""

    @property
    def frames(self) -> Frames:
        """Return all frames, uint8 (T, H, W, 3)."""
        return np.stack([shot.frame for shot in self.shots])

    @property
    def path(self) -> tuple[Observation, ...]:
        """Return what was seen at the start and at the end of each chunk."""
        return self.shots[: 1 + CHUNK_FRAMES * len(self.actions) : CHUNK_FRAMES]

    @property
    def budget(self) -> int:
        """Return how many chunks may be spent on the way back."""
        return len(self.actions) + len(self.actions) // 2 + 2


def repeat(world: World, begun: Begun) -> None:
    """Start the episode of a seed again and do what was done in it."""
    world.reset(begun.seed)
    steps = [action for action in begun.actions for _ in range(CHUNK_FRAMES)]
    for step in (*steps, *begun.aside):
        world.step(step)


class Task(Protocol):
    """Something to do that needs to be remembered."""

    sentence: str
    """What is asked, in words."""

    success_metres: float
    """Nearer than this is a success."""

    world_options: Mapping[str, Any]
    """What `make_world` is told beside the size of the frames."""

    def begin(self, world: World, seed: int, *, off_path: bool) -> Begun | None:
        """Show the episode of a seed; None where this seed has none.

        Args:
            world: afterwards it stands at the end of the episode.
            seed: of the episode.
            off_path: end it by a few single steps aside.
        """
        ...

    def restore(self, world: World, begun: Begun) -> None:
        """Put a world to the end of an episode that `begin` gave."""
        ...

    def distance(self, begun: Begun, acted: Sequence[Observation]) -> float:
        """Return how far the task is from done, in metres, by the truth of the world.

        Args:
            begun: what was seen.
            acted: what happened then, every frame from the end of `begun` on, that one included.
        """
        ...
