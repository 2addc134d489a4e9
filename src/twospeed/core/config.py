"""Frozen configuration dataclasses: change one leaf, write to JSON, read back.

Holds not: any configuration; each stands beside what it configures.
"""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any, TypeVar, cast

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import checked, shown
from twospeed.core.renamed import renamed

C = TypeVar("C")


def override(config: C, *settings: str) -> C:
    """Return `config` with leaves changed, such as ``memory.rank=8``.

    Checks run again when all are changed, so that settings may depend on one another.

    Raises:
        ConfigError: when a setting is not path=value, or a value has the wrong type or range.
        UnknownNameError: when a path names no field.
    """
    values = to_json(config)
    for setting in settings:
        path, value = _parted(setting, "a setting is written path=value")
        _set_leaf(config, values, path, value)
    return from_json(type(config), values)


def read_options(options: Iterable[str]) -> dict[str, Any]:
    """Return name -> value of texts such as ``blocks=2``, read as `override` reads them.

    Raises:
        ConfigError: when one is not name=value, or two have one name.
    """
    found: dict[str, Any] = {}
    for option in options:
        name, value = _parted(option, "an option is written name=value")
        if found.setdefault(name, value) != value:
            raise ConfigError(f"{name} is given twice, {shown(found[name])} and {shown(value)}")
    return found


def _parted(setting: Any, wanted: str) -> tuple[str, Any]:
    name, separator, text = str(setting).partition("=")
    if not (separator and isinstance(setting, str)):
        raise ConfigError(f"{wanted}, got {shown(setting)}")
    return name.strip(), _read(text.strip())


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
    except (ValueError, RecursionError):
        return text


def _set_leaf(config: Any, values: dict[str, Any], path: str, value: Any) -> None:
    """Put a value into `values`, the JSON of `config`, where the path leads."""
    *sections, leaf = path.split(".")
    for section in sections:
        name, _ = renamed(type(config), section, None)
        config, values = _field(config, name, path), values[name]
        if not dataclasses.is_dataclass(config):
            raise ConfigError(f"{path}: {section} has no settings of its own")
    leaf, value = renamed(type(config), leaf, value)
    _check_kind(path, _field(config, leaf, path), value)
    values[leaf] = value


def _field(config: Any, name: str, path: str) -> Any:
    known = {field.name: field for field in dataclasses.fields(config)}
    lookup(known, name, f"setting in {type(config).__name__} (from {shown(path)})")
    return getattr(config, name)


def _check_kind(path: str, old: Any, value: Any) -> None:
    """Refuse a value of another type than the one that it replaces."""
    if dataclasses.is_dataclass(old):
        raise ConfigError(f"{path} is a section: set one of its settings, {path}.NAME=VALUE")
    if type(old) is tuple and type(value) is list:
        if old and _kinds(_as_tuple(value)) - _kinds(old):
            raise ConfigError(f"{path} takes a list such as {list(old)}, got {shown(value)}")
    elif not (old is None or value is None or _is_alike(old, value)):
        raise ConfigError(f"{path} takes {type(old).__name__}, got {shown(value)}")


def _is_alike(old: Any, value: Any) -> bool:
    return type(value) is type(old) or (type(old) is float and type(value) is int)


def _as_tuple(values: list[Any]) -> tuple[Any, ...]:
    return tuple(_as_tuple(item) if isinstance(item, list) else item for item in values)


def _kinds(value: Any) -> set[type]:
    """Return the types of all numbers and texts in nested tuples; a whole number is a float too."""
    if isinstance(value, tuple):
        return set().union(*(_kinds(item) for item in value))
    return {int, float} if type(value) is float else {type(value)}
