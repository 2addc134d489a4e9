"""What a task is split into, and the contract of who splits it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from twospeed.core.errors import ConfigError
from twospeed.core.fields import check_fields
from twospeed.worlds.base import Action

COMMAND = "command"
WAY_BACK = "way_back"
HOME = "home"
PUT_BACK = "put_back"

REMEMBERED: dict[str, str] = {
    WAY_BACK: "go back the way you came",
    HOME: "go back to where you started",
    PUT_BACK: "put it back where it was",
}
"""Kind of a sub-goal that only a memory can reach -> how it is told to a world model."""

KINDS = (COMMAND, *REMEMBERED)
"""Kinds of sub-goals."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SubGoal:
    """One step of a task."""

    kind: str
    """One of `KINDS`."""

    text: str
    """A command's canonical text, or the words of `REMEMBERED`."""

    thing: str | None = None
    """What is meant, such as "block" or "red block"; None where nothing is named."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.kind not in KINDS:
            raise ConfigError(f"a sub-goal is one of {', '.join(KINDS)}, got {self.kind!r}")


def handles(goals: Sequence[SubGoal]) -> bool:
    """Say whether a thing is to be put back."""
    return any(goal.kind == PUT_BACK for goal in goals)


class SubgoalSplitter(Protocol):
    """Splits tasks."""

    def split(self, task: str, actions: Mapping[str, Action]) -> list[SubGoal]:
        """Return the sub-goals of a task, in order, at least one.

        Args:
            task: one sentence.
            actions: canonical text -> action, those of the world.

        Raises:
            UnknownNameError: when it does not understand the task.
        """
        ...
