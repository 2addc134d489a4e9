"""Settings that had another name before: what was written then is read as what it means now.

A dataclass that renamed fields holds a table ``RENAMED``, old name -> `Renamed`. Files and the
command line may use either name. A base class whose variants are stored alike has `of_stored`,
which picks one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Renamed:
    """What an old setting is now."""

    name: str
    """Its name."""

    convert: Callable[[Any], Any] = _same
    """Old value -> new value; what it cannot convert it returns as it is."""


def renamed(kind: Any, name: str, value: Any) -> tuple[str, Any]:
    """Return name and value of a setting as the class `kind` has it now.

    Args:
        kind: a dataclass.
        name: of one of its settings, today's or an old one.
        value: what is set, in the terms of that name.
    """
    old = getattr(kind, "RENAMED", {}).get(name)
    return (old.name, old.convert(value)) if old else (name, value)


def as_of_now(kind: Any, values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return class and settings of what is stored as a `kind`.

    Args:
        kind: a dataclass; with a method ``of_stored`` it has a say.
        values: its settings, under today's names or old ones.
    """
    values = dict(renamed(kind, name, value) for name, value in values.items())
    pick = getattr(kind, "of_stored", None)
    return pick(values) if pick else (kind, values)
