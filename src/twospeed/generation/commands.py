"""What is meant by a text, in the words of one model: refused is only what nobody could place.

Any wording is allowed. A text is refused when hardly a word of it is known from the sayings that
the model was trained on, slips of the finger aside.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Sequence

from twospeed.core.arguments import as_text
from twospeed.core.errors import UnknownNameError
from twospeed.core.fields import shown
from twospeed.generation.action_list import quoted
from twospeed.worldmodel.vocabulary import Vocabulary, plain_text

FILLERS = frozenset(
    [
        "a",
        "an",
        "the",
        "to",
        "your",
        "you",
        "please",
        "now",
        "then",
        "just",
        "again",
        "bit",
        "little",
        "slowly",
        "quickly",
        "can",
        "should",
        "and",
    ]
)
LEAST_KNOWN_SHARE = 0.3
NAMED = 5
"""Most actions that a message names."""


def place_commands(texts: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """Return the texts as the model should be told them, or refuse what is near no action.

    A text that is a saying but for capitals, spaces or its Unicode form becomes that saying; any
    other that can be placed stays as it is.

    Args:
        texts: what the user wrote.
        vocabulary: of the model that shall obey.

    Raises:
        UnknownNameError: naming the text and the nearest actions.
        ConfigError: for a text that is too long to be one.
    """
    sayings = vocabulary.sayings()
    plain = {plain_text(saying): saying for saying in reversed(sayings)}
    placed: dict[str, str] = {}
    for text in map(as_text, dict.fromkeys(texts)):
        known = text if text in sayings else plain.get(plain_text(text))
        if known is None and not sounds_known(text, sayings):
            raise UnknownNameError(_refusal(text, vocabulary))
        placed[text] = known or text
    return [placed[text] for text in texts]


def _refusal(text: str, vocabulary: Vocabulary) -> str:
    actions = vocabulary.actions
    near = _nearest(text, vocabulary)
    label = "Known" if len(near) == len(actions) else f"Nearest of its {len(actions)}"
    return (
        f"{shown(text)} is near no command of this model. {label}:"
        f" {', '.join(map(quoted, near))}, and other ways to say them"
    )


def _nearest(text: str, vocabulary: Vocabulary) -> list[str]:
    """Return the actions whose sayings look most like a text, the nearest first."""
    sayings = vocabulary.sayings()
    ranked = sorted(sayings, key=lambda saying: _unlikeness(text, saying))
    return list(dict.fromkeys(sayings[saying] for saying in ranked))[:NAMED]


def _unlikeness(text: str, saying: str) -> tuple[float, float]:
    """Say how little two texts share, in words first and then in letters."""
    one, other = set(_words(text)), set(_words(saying))
    shared = len(one & other) / max(len(one | other), 1)
    return -shared, -difflib.SequenceMatcher(None, plain_text(text), plain_text(saying)).ratio()


def sounds_known(text: str, sayings: Iterable[str]) -> bool:
    """Say whether a fair share of a text's words occur in the sayings, slips aside."""
    words = {word for saying in sayings for word in _words(saying)}
    own = _words(text)
    hits = [_is_among(word, words) for word in own]
    return bool(own) and sum(hits) / len(own) > LEAST_KNOWN_SHARE


def _is_among(word: str, words: Collection[str]) -> bool:
    """Say whether a word is known, but for a slip of the finger or an ending."""
    if word in words or len(word) <= 3:
        return word in words
    return any(
        _slips(word, other) <= 1 or (len(other) > 3 and word.startswith(other)) for other in words
    )


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]+", plain_text(text)) if word not in FILLERS]


def _slips(first: str, second: str) -> int:
    """Count the letters dropped, added, changed or swapped between two words, 2 for "many"."""
    if abs(len(first) - len(second)) > 1:
        return 2
    start = next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )
    first, second = first[start:], second[start:]
    if first == second:
        return 0
    swapped = first[:2] == second[:2][::-1] and first[2:] == second[2:]
    one = first[1:] == second[1:] or first[1:] == second or first == second[1:]
    return 1 if one or swapped else 2
