"""Sentences of several commands, such as "turn left a little, then go forward twice".

Holds: `parse_commands`, which turns one into canonical actions, one a chunk. Holds not: the
commands and their sayings (language.py, words/), who may say anything at all to a trained model
(its text encoder).

    sentence = part, then part, ...      "," ";" "then" and "and" part them
    part     = [please] saying [grade] [times]
    grade    = a little | a bit | slightly | far | a lot | a long way
    times    = once | twice | three times | 3 times | *3
"""

import re
from collections.abc import Mapping

from twospeed.core.errors import UnknownNameError
from twospeed.worlds.base import Action
from twospeed.worlds.language import LITTLE, known_action

FAR_CHUNKS = 3
"""Chunks of a command that is done "far" in a world that has no action of its own for it."""

_SEPARATORS = re.compile(r"\s*(?:[,;]|(?<!\w)then(?!\w))\s*")
_NUMBERS = {"once": 1, "one": 1, "twice": 2, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_TIMES = re.compile(r"^(.*?)\s*(?:\*\s*(\d+)|(?<!\w)(once|twice)|(?<!\w)(\w+) times)$")
_LITTLE = re.compile(r"(?<!\w)(?:just )?(?:a little(?: bit)?|a bit|slightly)(?!\w)")
_FAR = re.compile(r"(?<!\w)(?:far|a lot|a long way|very much)(?!\w)")


def parse_commands(text: str, actions: Mapping[str, Action]) -> list[str]:
    """Read a sentence into canonical texts, one for each chunk.

    Args:
        text: in any of the sayings of the world's actions, with grades, repeats, "then" and commas.
        actions: canonical text -> action, those of the world.

    Raises:
        UnknownNameError: naming the part that the world cannot do, and the nearest command.
    """
    sayings = _sayings(actions)
    chunks: list[str] = []
    for part in _parts(_plain(text), sayings):
        words, times = _repeated(part)
        chunks += _graded(words, sayings, actions) * times
    if not chunks:
        raise UnknownNameError(
            "an empty command: write for example 'turn left a little, then go forward twice'"
        )
    return chunks


def _plain(text: str) -> str:
    """Return the text in small letters, single spaces, without a full stop."""
    return " ".join(text.casefold().replace(".", " ").split())


def _sayings(actions: Mapping[str, Action]) -> dict[str, str]:
    """Return every way to say every action, the held-out ones too -> canonical text."""
    return {
        saying.casefold().removeprefix("please "): action.text
        for action in actions.values()
        for saying in (*action.held_out, *action.paraphrases, action.text)
    }


def _parts(text: str, sayings: Mapping[str, str]) -> list[str]:
    parts: list[str] = []
    for part in filter(None, _SEPARATORS.split(text)):
        words = part.removeprefix("and ").removesuffix(" and").removeprefix("please ")
        parts += [words] if _is_one(words, sayings) else re.split(r"\s+and\s+", words)
    return parts


def _is_one(part: str, sayings: Mapping[str, str]) -> bool:
    """Say whether a part is one command, even if there is an "and" in it."""
    words, _ = _repeated(part)
    return bool({words, _bare(words, _LITTLE), _bare(words, _FAR)} & sayings.keys())


def _bare(words: str, grade: re.Pattern[str]) -> str:
    return " ".join(grade.sub(" ", words, count=1).split())


def _repeated(part: str) -> tuple[str, int]:
    """Part the words from how often they are to be done."""
    found = _TIMES.match(part)
    if not found:
        return part, 1
    words, star, adverb, number = found.groups()
    count = star or adverb or number
    times = int(count) if count.isdecimal() else _NUMBERS.get(count)
    if times is None:
        return part, 1
    if not 1 <= times <= 1000:
        raise UnknownNameError(f"{part!r}: a command is done 1 to 1000 times, got {times}")
    return words, times


def _graded(words: str, sayings: Mapping[str, str], actions: Mapping[str, Action]) -> list[str]:
    """Return the chunks of one command that may be graded."""
    if words in sayings:
        return [sayings[words]]
    for pattern in (_LITTLE, _FAR):
        bare = _bare(words, pattern)
        if bare != words and bare in sayings:
            return _grade(sayings[bare], actions, is_little=pattern is _LITTLE)
    return [known_action(actions, words).text]


def _grade(action: str, actions: Mapping[str, Action], *, is_little: bool) -> list[str]:
    if not is_little:
        far = f"{action} far"
        return [far] if far in actions else [action] * FAR_CHUNKS
    little = action if action.endswith(LITTLE) else f"{action} {LITTLE}"
    if little not in actions:
        graded = ", ".join(sorted(it for it in actions if it.endswith(LITTLE))) or "nothing"
        raise UnknownNameError(
            f"this world cannot {action!r} {LITTLE}; what it can do a little: {graded}"
        )
    return [little]
