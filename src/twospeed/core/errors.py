"""Every error this package raises on purpose, and the two lookups that raise the commonest ones.

TwospeedError
    ConfigError         a setting has a value that cannot work
    ShapeError          two tensors disagree about the size of an axis
    UnknownNameError    a name is in none of our tables
    MissingExtraError   an optional dependency is not installed
    DataError           a file or an input is not what it should be
    KindError           an argument is of a type that cannot work
    LeakError           what is judged has seen what it is judged on

The command line turns these into one line and exit code 2; anything else is a bug and keeps
its traceback.
"""

import difflib
import importlib
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


class TwospeedError(Exception):
    """Base of all errors that a user can cause and can mend."""


class ConfigError(TwospeedError, ValueError):
    """A setting has a value that cannot work."""


class ShapeError(TwospeedError, ValueError):
    """Two tensors disagree about the size of an axis."""


class UnknownNameError(TwospeedError, LookupError):
    """A name is in none of our tables."""


class MissingExtraError(TwospeedError, ImportError):
    """An optional dependency is not installed."""


class DataError(TwospeedError, ValueError):
    """A file or an input is not what it should be."""


class KindError(TwospeedError, TypeError):
    """An argument is of a type that cannot work."""


class LeakError(TwospeedError, RuntimeError):
    """What is judged has seen what it is judged on."""


def kind_of(value: object) -> str:
    """Return the name of a value's type, for a message."""
    return "None" if value is None else type(value).__name__


def a_few(names: Sequence[str], *, most: int = 10) -> str:
    """Return names with commas between, for a message; of many the first, and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def lookup(table: Mapping[str, T], name: str, kind: str) -> T:
    """Return ``table[name]``, or say which names there are and which one is nearest.

    Raises:
        UnknownNameError: when `name` is not in `table`.
        KindError: when it is no text.
    """
    if not isinstance(name, str):
        raise KindError(f"a {kind} is named by a text, got {name!r}")
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, table, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    known = ", ".join(sorted(table))
    raise UnknownNameError(f"no {kind} is called {name[:80]!r}.{hint} Known: {known}.")


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra brings it.

    Raises:
        MissingExtraError: with the install command.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise  # the package is there, but something it needs is not: show that instead
        raise MissingExtraError(
            f"this needs {module!r}, which is not installed: pip install 'twospeed[{extra}]'"
        ) from error
