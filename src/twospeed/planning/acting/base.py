"""The contract of an executor, and what it leaves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from twospeed.core.video import Frames
from twospeed.planning.splitting.base import SubGoal
from twospeed.planning.tasks.base import Begun
from twospeed.worlds.base import Observation, World


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What to do next."""

    command: str
    confidence: float
    """0 to 1."""

    way: str
    """How it was found: "read", "searched", "known", or "told"."""


@dataclass(kw_only=True, eq=False, slots=True)
class Acted:
    """What happened."""

    shots: list[Observation]
    """Every frame from the end of what was seen on, that one included."""

    decisions: list[Decision] = field(default_factory=list)
    """What was given, a chunk each."""

    imagined: list[Frames] = field(default_factory=list)
    """The chunk that was imagined before each command, (4, H, W, 3)."""

    num_imagined: int = 0
    """Frames imagined, all in all."""

    seconds: float = 0.0
    """Spent on deciding, the world's own time left out."""

    is_stopped: bool = False
    """Whether it thought that it was done before its chunks were spent."""

    @property
    def commands(self) -> tuple[str, ...]:
        """Return the commands that were given."""
        return tuple(decision.command for decision in self.decisions)

    @property
    def replans(self) -> int:
        """Return how often the plan was made anew from real frames."""
        return max(0, len(self.decisions) - 1)


class Executor(Protocol):
    """Pursues sub-goals in a world."""

    def act(self, world: World, begun: Begun, goals: Sequence[SubGoal], seed: int) -> Acted:
        """Act until the sub-goals are reached or their chunks are spent.

        Args:
            world: stands at the end of `begun`.
            begun: what was seen.
            goals: in order.
            seed: decides all noise.
        """
        ...


def counted(steps: Sequence[str]) -> str:
    """Return steps as a list of commands, such as "go forward*3, turn left"."""
    parts: list[list[str]] = []
    for step in steps:
        if parts and parts[-1][0] == step:
            parts[-1].append(step)
        else:
            parts.append([step])
    return ", ".join(f"{it[0]}*{len(it)}" if len(it) > 1 else it[0] for it in parts)
