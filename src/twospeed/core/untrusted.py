"""What others wrote: JSON within bounds, values of declared types, and parsers that may fail.

Whatever such bytes hold, reading them ends in a value or in one line.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from twospeed.core.errors import DataError, TwospeedError
from twospeed.core.fields import checked

T = TypeVar("T")

DEEPEST = 64
"""Lists and objects within one another."""

MOST_DIGITS = 40
"""Of a whole number; `typed` takes 64 bits."""

_TOO_DEEP = f"it is nested deeper than {DEEPEST} lists"

LONGEST_KEY = 1000
"""Letters of a name in an object."""


def parse_json(content: bytes | str, where: str) -> Any:
    """Read JSON (UTF-8) whose nesting, names and whole numbers are bounded; NaN passes.

    Args:
        content: the text.
        where: what it is, for the message.

    Raises:
        DataError: when it is no JSON, is nested deeper than `DEEPEST`, or holds a whole number of
            more than `MOST_DIGITS`, a name longer than `LONGEST_KEY` or half a letter.
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        value = json.loads(text, parse_int=_whole)
        _check_bounds(value)
    except RecursionError as error:
        raise DataError(f"cannot read {where} as JSON: {_TOO_DEEP}") from error
    except ValueError as error:  # DataError is one
        raise DataError(f"cannot read {where} as JSON: {_first_line(error)}") from error
    return value


def typed(hint: type[T], value: Any, where: str) -> T:
    """Return what was parsed as a declared type: dataclasses, mappings, tuples, numbers, texts.

    Whole numbers stand in for floats and lists for tuples; ranges are those beside the types and
    those that a dataclass checks itself; floats are finite.

    Args:
        hint: the type.
        value: what `parse_json` gave.
        where: what it is, for the message.

    Raises:
        DataError: naming the value, what it takes, and what came; also for a field that is not
            there or not known.
    """
    try:
        return cast(T, checked(value, hint, "", build=True))
    except TwospeedError as error:
        raise DataError(f"{where}: {error}") from error


def typed_field(hint: type[T], values: Mapping[str, Any], name: str, where: str) -> T:
    """Return one value of an object as a declared type; see `typed`.

    Raises:
        DataError: naming the value, what it takes, and what came; also when it is not there.
    """
    if name not in values:
        raise DataError(f"{where}: there is no {name!r}")
    try:
        return cast(T, checked(values[name], hint, name, build=True))
    except TwospeedError as error:
        raise DataError(f"{where}: {error}") from error


@contextmanager
def parsing(what: str = "") -> Iterator[None]:
    """Turn whatever a parser that is not ours raises inside the block into one line.

    Only calls of the parser stand in the block, so that no mistake of ours is taken for damage.

    Args:
        what: what is parsed, such as "the memory in runs/m"; nothing when the caller names it.

    Raises:
        DataError: then.
    """
    try:
        yield
    except TwospeedError:
        raise
    except Exception as error:  # every parser has its own kinds
        reason = _first_line(error)
        raise DataError(f"cannot read {what}: {reason}" if what else reason) from error


@contextmanager
def resuming(path: Path, *, part: str = "", remove: Path | None = None) -> Iterator[None]:
    """Turn whatever goes wrong in reading what an earlier run left into one line that helps.

    Args:
        path: what is read.
        part: the file in it, where `path` is a folder that is removed as a whole.
        remove: what has to go for a new start; None: `path` itself.

    Raises:
        DataError: naming the file, and what to remove.
    """
    try:
        check_ordinary(path)
        yield
    except Exception as error:
        what = f"{part}: {_first_line(error)}" if part else _first_line(error)
        raise DataError(
            f"cannot resume from {path}: {what}; remove {remove or 'it'} to start anew"
        ) from error


def check_ordinary(path: Path) -> None:
    """Refuse what is neither file nor folder, also in a folder: a pipe would never end.

    Raises:
        DataError: naming it.
    """
    for it in (path, *path.rglob("*")):
        if it.exists() and not (it.is_file() or it.is_dir()):
            raise DataError(f"{it} is no ordinary file")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise DataError(f"it holds a whole number of {len(digits):,} digits")
    return int(digits)


def _check_bounds(value: Any) -> None:
    level, depth = [value], 0
    while level:
        for one in level:
            _check_texts(one)
        groups = [it for it in level if isinstance(it, list | dict)]
        depth += bool(groups)
        if depth > DEEPEST:
            raise DataError(_TOO_DEEP)
        level = [one for it in groups for one in (it.values() if isinstance(it, dict) else it)]


def _check_texts(value: Any) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for key in value:
            _check_text(key)
            if len(key) > LONGEST_KEY:
                raise DataError(f"it holds a name of {len(key):,} letters")


def _check_text(text: str) -> None:
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise DataError("it holds half a letter (a lone surrogate)")
