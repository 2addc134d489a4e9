"""Keyboard and mouse as words: "W 0.4 s, mouse -30 px" becomes "go forward, turn left"."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from twospeed.core.errors import DataError
from twospeed.core.fields import shown

STAND_STILL = "stand still"
SHORTEST_SECONDS = 0.1
"""A key that is held for less is a slip."""

SHORTEST_PIXELS = 10
"""A mouse that moves less trembles."""

KEYS: Mapping[str, str] = {
    "w": "go forward",
    "up": "go forward",
    "s": "go back",
    "down": "go back",
    "a": "step left",
    "d": "step right",
    "left": "turn left",
    "right": "turn right",
    "space": "jump",
    "shift": "run",
    "ctrl": "crouch",
    "e": "use",
    "f": "use",
    "left button": "attack",
    "right button": "use",
}
"""Key or mouse button -> what it does in first-person games."""

_OPPOSITE = {"go forward": "go back", "step left": "step right", "turn left": "turn right"}
_HELD = re.compile(r"(?P<key>[\w ]*?\w)\s+(?P<seconds>\d{1,9}(?:\.\d{1,9})?)\s*s")
_MOVED = re.compile(r"mouse\s+(?P<right>[-+]?\d{1,9})(?:\s+(?P<down>[-+]?\d{1,9}))?\s*px")
_EVENT = re.compile(
    r"(?P<what>press|release)\s+(?P<key>.+)"
    r"|move\s+(?P<right>[-+]?\d{1,9})(?:\s+(?P<down>[-+]?\d{1,9}))?"
)


@dataclass(slots=True)
class Inputs:
    """What keyboard and mouse did in a stretch of time."""

    held: dict[str, float] = field(default_factory=dict)
    """Key -> seconds."""

    right: int = 0
    """How far the mouse went to the right, in pixels."""

    down: int = 0
    """How far it went down, in pixels."""

    def words(self) -> str:
        """Return the action in words: moves first, then turns; opposite keys cancel.

        Raises:
            DataError: when a key has no meaning.
        """
        seconds: dict[str, float] = {}
        for key, held in self.held.items():
            if key not in KEYS:
                raise DataError(f"the key {shown(key)} has no meaning (known: {', '.join(KEYS)})")
            seconds[KEYS[key]] = seconds.get(KEYS[key], 0.0) + held
        for one, other in _OPPOSITE.items():
            both = min(seconds.get(one, 0.0), seconds.get(other, 0.0))
            for word in (one, other):
                seconds[word] = seconds.get(word, 0.0) - both
        words = [word for word in dict.fromkeys(KEYS.values()) if self._lasts(seconds, word)]
        for way, low, high in ((self.right, "turn left", "turn right"),
                               (self.down, "look up", "look down")):  # fmt: skip
            if abs(way) >= SHORTEST_PIXELS:
                words.append(high if way > 0 else low)
        return ", ".join(dict.fromkeys(words)) or STAND_STILL

    @staticmethod
    def _lasts(seconds: Mapping[str, float], word: str) -> bool:
        return seconds.get(word, 0.0) >= SHORTEST_SECONDS - 1e-9


def words_of(text: str) -> str:
    """Turn such as "W 0.4 s, mouse -30 px" into an action in words.

    Raises:
        DataError: when a part is neither a key with seconds nor a mouse with pixels.
    """
    inputs = Inputs()
    for part in text.replace("\u2212", "-").lower().split(","):
        part = part.strip()
        moved, held = _MOVED.fullmatch(part), _HELD.fullmatch(part)
        if moved:
            inputs.right += int(moved["right"])
            inputs.down += int(moved["down"] or 0)
        elif held:
            inputs.held[held["key"]] = inputs.held.get(held["key"], 0.0) + float(held["seconds"])
        elif part not in {"", "none"}:
            raise DataError(f"cannot read {shown(part)}: write such as 'W 0.4 s, mouse -30 px'")
    return inputs.words()


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One line of a log."""

    where: str
    time: float
    """Seconds from the start of the video."""

    press: str | None = None
    release: str | None = None
    right: int = 0
    down: int = 0


def event_of(where: str, time: float, text: str) -> Event:
    """Read "press W", "release W" or "move -30 5" (pixels to the right and down).

    Raises:
        DataError: when it is none of these.
    """
    match = _EVENT.fullmatch(text.strip().replace("\u2212", "-").lower())
    if match is None:
        raise DataError(
            f"cannot read {shown(text)}: write press KEY, release KEY or move RIGHT DOWN"
        )
    key = match["key"] and match["key"].strip()
    if match["what"] is None:
        right, down = int(match["right"]), int(match["down"] or 0)
        return Event(where=where, time=time, right=right, down=down)
    if match["what"] == "press":
        return Event(where=where, time=time, press=key)
    return Event(where=where, time=time, release=key)


def inputs_between(events: Sequence[Event], edges: Sequence[float]) -> Iterator[Inputs]:
    """Sum up a log over the stretches between `edges`, both in the order of time."""
    since: dict[str, float] = {}
    waiting = list(reversed(events))
    for start, stop in pairwise(edges):
        inputs = Inputs()
        since = dict.fromkeys(since, start)
        while waiting and waiting[-1].time < stop:
            _apply(waiting.pop(), since, inputs)
        for key, pressed in since.items():
            inputs.held[key] = inputs.held.get(key, 0.0) + stop - pressed
        yield inputs


def _apply(event: Event, since: dict[str, float], inputs: Inputs) -> None:
    inputs.right += event.right
    inputs.down += event.down
    if event.press is not None:
        since.setdefault(event.press, event.time)
    if event.release in since:
        held = event.time - since.pop(event.release)
        if held > 0:  # else it was let go at the very start of the stretch
            inputs.held[event.release] = inputs.held.get(event.release, 0.0) + held
