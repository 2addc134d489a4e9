"""Lists of actions as people write them: ``"turn left*4, go forward"``, quotes, or a file.

    list   = action, action, ...
    action = words [* times]        words with a comma or a star in them stand in " or '
    @FILE  = a text file with one action a line, taken as it stands

A model's own action with a comma or a star needs no quotes where nothing else can be meant.
"""

import re
from collections.abc import Collection
from pathlib import Path

from twospeed.core.arguments import check_kind
from twospeed.core.errors import DataError, UnknownNameError
from twospeed.core.fields import shown

MOST_CHUNKS = 10_000
"""Most actions of one list; at four frames a second more than two hours and a half."""

HELP = (
    'Such as "turn left*4, go forward", *4 for four times. An action with a comma or a star in it'
    " stands in quotes: \"'pour the tea, slowly'*2, stir\". @FILE reads a file with one action a"
    " line, as it stands."
)
"""What a command's help says of such a list."""

_EXAMPLE = "write for example 'turn left*4, go forward'"
_END = r"\s*(?P<rest>\*[^,]*)?(?:,|$)"
_QUOTED = re.compile(rf"""\s*(?P<quote>["'])(?P<words>.*?)(?P=quote){_END}""")
_BARE = re.compile(rf"(?P<words>[^,*]*){_END}")


def read_actions(text: str, known: Collection[str] = ()) -> list[str]:
    """Read ``--actions``: a list, or after an @ a file with one action a line.

    Args:
        text: what the user wrote.
        known: all sayings of the model that shall obey.

    Raises:
        UnknownNameError: when an action is empty, a count is no positive number, a quote is not
            closed, or there are more than `MOST_CHUNKS`.
        DataError: when there is no such file, or no action in it.
    """
    return _in_file(Path(text[1:])) if text.startswith("@") else parse_actions(text, known)


def parse_actions(text: str, known: Collection[str] = ()) -> list[str]:
    """Read a list into one action a chunk; see `read_actions`.

    Raises:
        KindError: when it is no text.
        UnknownNameError: as `read_actions`.
    """
    actions: list[str] = []
    check_kind(text, str, "a list of actions")
    for words, count in _parts(text, _pattern_of(known)):
        _check_length(len(actions) + count)
        actions += [words] * count
    return actions


def quoted(action: str) -> str:
    """Return an action as it can be written in a list, in quotes."""
    return f"'{action}'" if "'" not in action else f'"{action}"'


def _pattern_of(known: Collection[str]) -> re.Pattern[str]:
    """Return what finds an action that has a comma or a star, unless its pieces are actions too."""
    others = {it for it in known if not re.search("[,*]", it)}
    whole = (it for it in known if it not in others and not _is_list_of(others, it))
    ways = (r"\s+".join(map(re.escape, it.split())) for it in sorted(whole, key=len, reverse=True))
    return re.compile(rf"\s*(?P<words>{'|'.join(ways) or '(?!)'}){_END}", re.IGNORECASE)


def _is_list_of(actions: Collection[str], text: str) -> bool:
    return all(part.strip() in actions for part in text.split(","))


def _parts(text: str, known: re.Pattern[str]) -> list[tuple[str, int]]:
    """Return the words of every action and how often it is done."""
    parts: list[tuple[str, int]] = []
    start, is_over = 0, False
    while not is_over:
        ways = (pattern.match(text, start) for pattern in (_QUOTED, known, _BARE))
        found = next((way for way in ways if way), None)
        if found is None or not found["words"].strip() or found["words"].lstrip()[0] == '"':
            raise _unreadable(text[start:].partition(",")[0])
        parts.append((found["words"].strip(), _count_of(found["rest"], found[0])))
        start, is_over = found.end(), not found[0].endswith(",")
    return parts


def _count_of(rest: str | None, part: str) -> int:
    if rest is None:
        return 1
    digits = rest.removeprefix("*").strip()
    if not (digits.isascii() and digits.isdigit() and digits.strip("0")):
        raise _unreadable(part.rstrip(","))
    _check_length(MOST_CHUNKS + 1 if len(digits.lstrip("0")) > 9 else int(digits))
    return int(digits)


def _unreadable(part: str) -> UnknownNameError:
    return UnknownNameError(f"cannot read the action {shown(part.strip())}: {_EXAMPLE}")


def _check_length(count: int) -> None:
    if count > MOST_CHUNKS:
        raise UnknownNameError(
            f"a list has at most {MOST_CHUNKS:,} actions, one a chunk: shorten it"
        )


def _in_file(path: Path) -> list[str]:
    try:
        if not path.is_file():  # a pipe would never end
            raise DataError(f"cannot read actions from {path}: there is no such file")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise DataError(f"cannot read actions from {path}: {reason}") from error
    actions = [line.strip() for line in lines if line.strip()]
    if not actions:
        raise DataError(f"{path} holds no action: write one a line")
    _check_length(len(actions))
    return actions
