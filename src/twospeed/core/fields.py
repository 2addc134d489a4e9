"""What the fields of a dataclass may hold: their types, and ranges of numbers, said once.

A range stands beside the type, ``width: Annotated[int, Within(1, 16_384)]``; `check_fields` in the
class's ``__post_init__`` holds every field to what is declared. Holds not: what several fields must
be together, which each class checks itself.
"""

import dataclasses
import math
import numbers
import operator
import reprlib
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.ranges import Within
from twospeed.core.renamed import as_of_now


def check_fields(config: Any) -> None:
    """Hold every field of a dataclass to its declared type and range, from its ``__post_init__``.

    Whole numbers stand in for floats, lists for tuples, and scalars of numpy for Python's; they
    are turned into these. A float must be finite. Fields of types that are not known here pass.

    Raises:
        ConfigError: naming the field, what it takes, and what came.
    """
    kind: Any = type(config)
    for name, hint in _hints(kind).items():
        value = getattr(config, name)
        cast = checked(value, hint, name)
        if cast is not value:
            object.__setattr__(config, name, cast)


def _hints(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def checked(value: Any, hint: Any, name: str, *, build: bool = False) -> Any:
    """Return one value as a declared type and range want it, such as an argument called `name`.

    Args:
        value: what came.
        hint: a type, a union of types, or either with a range.
        name: of the value, for the message.
        build: objects of JSON become the dataclasses and mappings that are declared.

    Raises:
        ConfigError: as `check_fields`, or when an object lacks what a dataclass needs.
        UnknownNameError: when an object has a key that the dataclass has not.
    """
    for option in _options(hint):
        kind, ranges = _parted(option)
        found = _as_kind(value, kind, name, build)
        if found is not _UNFIT:
            _check_ranges(found, ranges, name)
            return found
    raise ConfigError(f"{name or 'it'} takes {_words(hint)}, got {shown(value)}")


_UNFIT = object()


def _as_kind(value: Any, kind: Any, name: str, build: bool) -> Any:
    """Return the value as this kind, or `_UNFIT`."""
    origin = typing.get_origin(kind) or kind
    if origin is tuple:
        return _as_tuple(value, typing.get_args(kind), name, build)
    if origin is Mapping:
        return _as_mapping(value, typing.get_args(kind)[1], name, build)
    if build and dataclasses.is_dataclass(origin) and isinstance(value, dict):
        return _as_object(value, origin, name)
    if origin in (int, float) and not isinstance(value, bool):
        return _as_number(value, origin)
    if origin in (str, bool, types.NoneType) or dataclasses.is_dataclass(origin):
        return value if isinstance(value, origin) else _UNFIT
    return _UNFIT if origin in (int, float) else value


def _as_number(value: Any, kind: type) -> Any:
    if kind is int:
        return operator.index(value) if isinstance(value, numbers.Integral) else _UNFIT
    try:
        return float(value) if isinstance(value, numbers.Real) else _UNFIT
    except OverflowError:
        return _UNFIT


def _as_mapping(value: Any, hint: Any, name: str, build: bool) -> Any:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        return _UNFIT
    return {key: checked(it, hint, _below(name, key), build=build) for key, it in value.items()}


def _as_object(value: dict[str, Any], kind: Any, name: str) -> Any:
    """Build a dataclass from an object of JSON."""
    kind, value = as_of_now(kind, value)
    hints, absent = _hints(kind), dataclasses.MISSING
    for key in value:
        lookup(hints, key, f"setting in {kind.__name__}")
    for field in dataclasses.fields(kind):
        needed = field.default is absent and field.default_factory is absent
        if needed and field.name not in value:
            what = _below(name, field.name)
            raise ConfigError(f"{what} is not there, and {kind.__name__} needs it")
    cast = {
        key: checked(it, hints[key], _below(name, key), build=True) for key, it in value.items()
    }
    return kind(**cast)


def _below(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _as_tuple(value: Any, items: tuple[Any, ...], name: str, build: bool) -> Any:
    if not isinstance(value, tuple | list):
        return _UNFIT
    if len(items) == 2 and items[1] is Ellipsis:
        items = (items[0],) * len(value)
    if len(items) != len(value):
        return _UNFIT
    pairs = zip(value, items, strict=True)
    cast = tuple(checked(one, hint, name, build=build) for one, hint in pairs)
    same = isinstance(value, tuple) and all(a is b for a, b in zip(cast, value, strict=True))
    return value if same else cast


def _check_ranges(value: Any, ranges: tuple[Any, ...], name: str) -> None:
    name = name or "it"
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name} must be a finite number, got {value}")
    for one in ranges:
        if isinstance(one, Within) and value not in one:
            raise ConfigError(f"{name} {one.complaint(value)}, got {shown(value)}")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ConfigError(f"{name} must be a number of at most 64 bits, got {shown(value)}")


def _options(hint: Any) -> Iterator[Any]:
    is_union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    yield from typing.get_args(hint) if is_union else (hint,)


def _parted(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the type and its annotations."""
    if typing.get_origin(hint) is Annotated:
        kind, *rest = typing.get_args(hint)
        return kind, tuple(rest)
    return hint, ()


_NAMES = {int: "whole number", float: "number", str: "text"}


def _words(hint: Any) -> str:
    """Return what a type takes, for people."""
    return " or ".join(_word(_parted(option)[0]) for option in _options(hint))


def _word(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        inner = (_parted(it)[0] for it in typing.get_args(kind) if it is not Ellipsis)
        return f"a list of {' and '.join(dict.fromkeys(_NAMES.get(it, 'list') for it in inner))}s"
    if dataclasses.is_dataclass(kind):
        return f"settings of {getattr(kind, '__name__', kind)}"
    if typing.get_origin(kind) is Mapping:
        return "an object"
    return {bool: "true or false", types.NoneType: "null"}.get(kind) or f"a {_NAMES[kind]}"


def shown(value: Any) -> str:
    """Return a value in one line of a few characters, however long it is."""
    try:
        return " ".join(_SHORT.repr(value).split())
    except ValueError:  # an integer of thousands of digits has no text
        return "a number of thousands of digits"


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
