"""What a language model is asked for, and how its answer is checked.

Holds: the prompt, the schema, `goals_in`. Holds not: who is asked (chat.py, local.py).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from twospeed.core.errors import DataError
from twospeed.core.fields import shown
from twospeed.core.ranges import Within
from twospeed.core.untrusted import parse_json, typed
from twospeed.planning.splitting.base import COMMAND, KINDS, REMEMBERED, SubGoal
from twospeed.worlds.base import Action

MOST_GOALS = 64
"""Sub-goals of one task."""

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["sub_goals"],
    "properties": {
        "sub_goals": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["kind", "text", "thing", "times"],
                "properties": {
                    "kind": {"type": "string", "enum": list(KINDS)},
                    "text": {"type": "string"},
                    "thing": {"type": ["string", "null"]},
                    "times": {"type": "integer", "minimum": 1, "maximum": MOST_GOALS},
                },
            },
        }
    },
}
"""JSON schema of an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Goal:
    kind: str
    text: str
    thing: str | None = None
    times: Annotated[int, Within(1, MOST_GOALS)] = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    sub_goals: tuple[_Goal, ...]


def prompt_for(task: str, actions: Mapping[str, Action]) -> list[dict[str, str]]:
    """Return the messages that ask for the sub-goals of a task."""
    example = {"kind": COMMAND, "text": next(iter(actions)), "thing": None, "times": 1}
    told = (
        "Split the task of an agent into sub-goals and answer with JSON alone, as in"
        f" {json.dumps({'sub_goals': [example]})}."
        f" kind {COMMAND!r}: text is one of {json.dumps(sorted(actions))}."
        + "".join(
            f" kind {kind!r}: for a task that means {text!r}; text is {text!r}."
            for kind, text in REMEMBERED.items()
        )
        + " thing: the object that is named, or null. times: how often in a row."
    )
    return [{"role": "system", "content": told}, {"role": "user", "content": task}]


def goals_in(answer: str, actions: Mapping[str, Action]) -> list[SubGoal]:
    """Read the sub-goals in an answer.

    Args:
        answer: JSON, perhaps between other words.
        actions: canonical text -> action, those of the world.

    Raises:
        DataError: when it is not what `SCHEMA` says, or names what the world cannot do.
    """
    inside = answer[answer.find("{") : answer.rfind("}") + 1]
    where = "the splitter's answer"
    found = typed(_Answer, parse_json(inside or answer[:200], where), where)
    if not found.sub_goals or sum(goal.times for goal in found.sub_goals) > MOST_GOALS:
        raise DataError(f"{where} should hold 1 to {MOST_GOALS} sub-goals")
    return [goal for one in found.sub_goals for goal in [_checked(one, actions)] * one.times]


def _checked(goal: _Goal, actions: Mapping[str, Action]) -> SubGoal:
    if goal.kind == COMMAND and goal.text not in actions:
        raise DataError(f"the splitter's answer names no command of the world: {shown(goal.text)}")
    if goal.kind not in KINDS:
        raise DataError(f"the splitter's answer has a kind {shown(goal.kind)}")
    return SubGoal(kind=goal.kind, text=REMEMBERED.get(goal.kind, goal.text), thing=goal.thing)
