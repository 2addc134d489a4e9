"""Frozen configuration dataclasses: change one leaf, write to JSON, read back.

Holds not: any configuration; each stands beside what it configures.
"""

import dataclasses
import json
from typing import Any, TypeVar, cast

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import checked, shown
from twospeed.core.renamed import renamed

C = TypeVar("C")


def override(config: C, setting: str) -> C:
    """Return `config` with one leaf changed, such as ``memory.rank=8``; checks run again.

    Raises:
        ConfigError: when the setting is not path=value, or the value has the wrong type.
        UnknownNameError: when the path names no field.
    """
    path, separator, text = setting.partition("=")
    if not separator:
        raise ConfigError(f"a setting is written path=value, got {setting!r}")
    return cast(C, _with_leaf(config, path.strip(), _read(text.strip()), whole=path.strip()))


def to_json(config: Any) -> dict[str, Any]:
    """Return the configuration as plain JSON values."""
    return cast(dict[str, Any], json.loads(json.dumps(dataclasses.asdict(config))))


def from_json(kind: type[C], values: Any) -> C:
    """Build a configuration of class `kind` from what `to_json` gave.

    Raises:
        ConfigError: when `values` is no object, or a setting is not there, of another type or out
            of its range.
        UnknownNameError: when a key is no field of `kind`.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"a {kind.__name__} is an object of settings, got {shown(values)}")
    return cast(C, checked(values, kind, "", build=True))


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _with_leaf(config: Any, path: str, value: Any, *, whole: str) -> Any:
    head, _, rest = path.partition(".")
    head, value = renamed(type(config), head, value)
    names = {field.name: field for field in dataclasses.fields(config)}
    lookup(names, head, f"setting in {type(config).__name__} (from {whole!r})")
    old = getattr(config, head)
    new = _with_leaf(old, rest, value, whole=whole) if rest else value
    if type(old) is float and type(new) is int:
        new = float(new)  # "1" is a fine way to write 1.0
    if type(old) is tuple and type(new) is list:
        new = _as_tuple(new)
        if old and _kinds(new) - _kinds(old):
            raise ConfigError(f"{whole} takes a list such as {list(old)}, got {list(new)}")
    if old is not None and new is not None and type(new) is not type(old):
        raise ConfigError(f"{whole} takes {type(old).__name__}, got {new!r}")
    return dataclasses.replace(config, **{head: new})


def _as_tuple(values: list[Any]) -> tuple[Any, ...]:
    return tuple(_as_tuple(item) if isinstance(item, list) else item for item in values)


def _kinds(value: Any) -> set[type]:
    """Return the types of all numbers and texts in nested tuples; a whole number is a float too."""
    if isinstance(value, tuple):
        return set().union(*(_kinds(item) for item in value))
    return {int, float} if type(value) is float else {type(value)}
