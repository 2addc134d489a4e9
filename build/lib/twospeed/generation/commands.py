"""Whether a text can be meant as a command: refused is only what nobody could place.

Any wording is allowed. A text is refused when hardly a word of it is known from the commands'
sayings (slips of the finger aside), or when the text encoder finds it far from all of them.
"""

import re
from collections.abc import Mapping, Sequence

import torch

from twospeed.core.errors import UnknownNameError
from twospeed.worldmodel.text import TextEncoder

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
FARTHEST = 0.55
"""Distance to the nearest saying, as a share of the least distance between two commands."""


def check_commands(
    texts: Sequence[str], known: Mapping[str, Sequence[str]], encoder: TextEncoder
) -> None:
    """Refuse texts that cannot be placed near any command.

    Args:
        texts: what the user wrote.
        known: canonical command -> its sayings, itself among them; at least two commands.
        encoder: of the model that shall obey.

    Raises:
        UnknownNameError: naming the text and all commands.
    """
    sayings = [saying for group in known.values() for saying in group]
    for text in dict.fromkeys(texts):
        if not sounds_known(text, sayings) or _is_far(text, known, encoder):
            raise UnknownNameError(
                f"{text!r} is near no command of this world. Known: {', '.join(sorted(known))}, and"
                " other ways to say them."
            )


def sounds_known(text: str, sayings: Sequence[str]) -> bool:
    """Say whether a fair share of a text's words occur in the sayings, slips aside."""
    words = {word for saying in sayings for word in _words(saying)}
    own = _words(text)
    hits = [any(_slips(word, other) <= (len(word) > 3) for other in words) for word in own]
    return bool(own) and sum(hits) / len(own) > LEAST_KNOWN_SHARE


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[a-z]+", text.lower()) if word not in FILLERS]


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


def _is_far(text: str, known: Mapping[str, Sequence[str]], encoder: TextEncoder) -> bool:
    commands = encoder.encode(list(known)).mean(1)
    sayings = encoder.encode([saying for group in known.values() for saying in group]).mean(1)
    apart = torch.cdist(commands, commands) + torch.eye(len(commands)) * 1e9
    nearest = torch.cdist(encoder.encode([text]).mean(1), sayings).min()
    return bool(nearest > FARTHEST * apart.min())
