"""A splitter that needs no model: sayings of what is remembered, picking and putting, commands.

    task = part, then part, ...
    part = go back the way you came | go back to where you started | put the THING back
         | pick up the THING | put the THING down | carry the THING DIRECTION | a command

Commands are read by worlds/commands.py, with its grades and repeats.
"""

import re
from collections.abc import Mapping

from twospeed.core.arguments import as_text
from twospeed.core.errors import UnknownNameError
from twospeed.planning.splitting.base import COMMAND, HOME, PUT_BACK, REMEMBERED, WAY_BACK, SubGoal
from twospeed.worlds.base import Action
from twospeed.worlds.commands import parse_commands

LONGEST_TASK = 1000
"""Letters of a task."""

_BACK_HOW = r"the (?:same )?way(?: (?:that )?you came)?"
_WHERE = r"(?:where you (?:started|began)|the start(?:ing point)?)"
_IT = r"(?:it|that|the (?P<thing>(?:\w+ ){0,2}?\w+))"
_ANY = r"(?:it|that|the (?:\w+ ){0,2}?\w+)"
_PLACE = r"where (?:it|that) (?:was|came from|stood)(?: before)?|(?:to )?its (?:old )?place"
_SAYINGS: tuple[tuple[str, str], ...] = (
    (WAY_BACK, rf"(?:(?:go|walk|come|find) )?(?:your )?(?:way )?back {_BACK_HOW}"),
    (WAY_BACK, r"(?:go|walk|come) back the same way"),
    (WAY_BACK, r"(?:find|go|take) the (?:same )?way back"),
    (WAY_BACK, r"retrace (?:your|the) (?:steps|path|way|walk)"),
    (HOME, rf"(?:go|walk|come|get|return|find (?:your|the) way)(?: back)? to {_WHERE}"),
    (HOME, r"(?:go|walk|come|get|return|find (?:your|the) way)(?: back)? home"),
    (PUT_BACK, rf"(?:put|bring|carry|move|take) {_IT} back(?: (?:{_PLACE}))?"),
    (PUT_BACK, rf"return {_IT} to (?:{_PLACE})"),
)
_PICK = re.compile(rf"pick {_ANY} up|pick up {_ANY}|(?:grasp|grab|take) {_ANY}")
_PUT = re.compile(rf"(?:put|set|lay) (?:{_ANY} down|down {_ANY})")
_CARRY = re.compile(
    rf"(?:carry|move|bring|take) {_ANY} (?:to the )?(?P<way>left|right|away|nearer)(?P<rest>.*)"
)
_ARM = "close the gripper"


class GrammarSplitter:
    """Splits by sayings that are written down here; see `SubgoalSplitter`."""

    def split(self, task: str, actions: Mapping[str, Action]) -> list[SubGoal]:
        """Return the sub-goals of a task.

        Raises:
            KindError: when the task is no text.
            UnknownNameError: naming the part that it does not understand.
        """
        text = " ".join(as_text(task, "task").casefold().replace(".", " ").split())
        if len(text) > LONGEST_TASK:
            raise UnknownNameError(f"a task is at most {LONGEST_TASK} letters, got {len(text)}")
        goals: list[SubGoal] = []
        for part in filter(None, re.split(r"\s*(?:[,;]|\bthen\b)\s*", text)):
            goals += self._part(part.removeprefix("and ").removesuffix(" and"), actions)
        if not goals:
            raise UnknownNameError("an empty task: write for example 'go back the way you came'")
        return goals

    def _part(self, part: str, actions: Mapping[str, Action]) -> list[SubGoal]:
        part = part.removeprefix("please ")
        for kind, saying in _SAYINGS:
            found = re.fullmatch(saying, part)
            if found:
                thing = found.groupdict().get("thing")
                return [SubGoal(kind=kind, text=REMEMBERED[kind], thing=thing)]
        handled = _handling(part) if _ARM in actions else None
        if handled is not None:
            return [SubGoal(kind=COMMAND, text=text) for text in handled]
        try:
            return [SubGoal(kind=COMMAND, text=it) for it in parse_commands(part, actions)]
        except UnknownNameError as error:
            raise UnknownNameError(
                f"no splitter understands {part[:80]!r}: say a command of the world, or"
                f" {', or '.join(repr(it) for it in REMEMBERED.values())} ({error})"
            ) from error


def _handling(part: str) -> list[str] | None:
    """Return the commands of picking up, putting down or carrying; None for something else."""
    if _PICK.fullmatch(part):
        return ["lower the gripper", "close the gripper", "raise the gripper"]
    if _PUT.fullmatch(part):
        return ["lower the gripper", "open the gripper", "raise the gripper"]
    carried = _CARRY.fullmatch(part)
    if carried and carried["rest"].strip() in ("", "a little"):
        return [f"move the gripper {carried['way']}{carried['rest']}".strip()]
    return None
