"""The words of the steps of a log: texts as they are, numbers by what ``actions.json`` calls them.

{"0": "turn left", ...} names discrete actions; {"axes": [["turn left", "turn right"], [null, "go
forward"]]} the negative and the positive way of each number of a vector. Beside "axes", "full":
[1.0, 0.5] says how large each number gets; without it the largest of the file counts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError, a_few
from twospeed.core.fields import shown
from twospeed.core.files import read_json
from twospeed.core.untrusted import typed
from twospeed.data.importers.account import Account
from twospeed.data.importers.logs.inputs import STAND_STILL

STRONG = 0.3
"""An axis counts when its number is at least this share of its full size."""

IDLE = 0.02
"""An axis that never gets beyond this share of the largest one is noise."""

_FILE = "actions.json"

Ways = tuple[str | None, str | None]
"""Words of the negative and of the positive way of an axis."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionNames:
    """What ``actions.json`` says."""

    words: Mapping[str, str]
    """Number -> words."""

    axes: tuple[Ways, ...] | None = None
    full: tuple[float, ...] | None = None
    """How large the number of each axis gets."""


def names_beside(path: Path) -> ActionNames:
    """Return what ``actions.json`` says, which lies with the log or at most two folders up.

    Raises:
        DataError: when it cannot be read or holds anything else.
    """
    for folder in path.parents[:3]:
        if (folder / _FILE).exists():
            return _names_of(read_json(folder / _FILE))
    return ActionNames(words={})


def _names_of(values: dict[str, Any]) -> ActionNames:
    axes, full = values.pop("axes", None), values.pop("full", None)
    return ActionNames(
        words=typed(Mapping[str, str], values, _FILE),  # type: ignore[type-abstract]
        axes=None if axes is None else typed(tuple[Ways, ...], axes, f"{_FILE}, axes"),
        full=None if full is None else typed(tuple[float, ...], full, f"{_FILE}, full"),
    )


def words_of_steps(
    actions: NDArray[Any], names: ActionNames, full: Sequence[float], where: str, account: Account
) -> list[str | None]:
    """Return the words of every step; None where the log has none.

    Args:
        actions: (T,) or (T, 1) texts or whole numbers, or (T, N) numbers of N axes.
        names: of the numbers.
        full: of N axes, how large they get; see `full_sizes`.
        where: the log, for the account.
        account: gets a line about numbers without words.

    Raises:
        DataError: when numbers have no words.
    """
    if are_axes(actions, names):
        return _words_of_vectors(actions.reshape(len(actions), -1), names.axes or (), full)
    if actions.ndim == 2 and actions.shape[1] == 1:
        actions = actions[:, 0]
    if actions.ndim == 1 and actions.dtype.kind in "SUO":
        return [_text_of(value, step) for step, value in enumerate(actions.tolist())]
    if actions.ndim == 1 and _are_whole(actions):
        return _words_of_numbers(actions, names, where, account)
    raise DataError(
        f"actions {actions.dtype} {actions.shape} need words: write actions.json with"
        ' {"axes": [[negative, positive], ...]}, a pair for each number'
    )


def are_axes(actions: NDArray[Any], names: ActionNames) -> bool:
    """Say whether actions are numbers, one for each axis that has names."""
    if names.axes is None or actions.dtype.kind not in "iubf":
        return False
    is_one = actions.ndim == 1 and len(names.axes) == 1 and actions.dtype.kind == "f"
    return is_one or (actions.ndim == 2 and actions.shape[1] == len(names.axes))


def full_sizes(
    episodes: Sequence[NDArray[Any]], names: ActionNames, where: str, account: Account
) -> tuple[float, ...]:
    """Return how large the number of each axis gets in a file; infinite for one that is idle.

    Args:
        episodes: the actions of each episode.
        names: of the axes.
        where: the file, for the account.
        account: gets a line about axes that do nothing but tremble.

    Raises:
        DataError: when ``full`` does not fit the axes.
    """
    axes = names.axes or ()
    if names.full is not None:
        if len(names.full) != len(axes) or not all(size > 0 for size in names.full):
            raise DataError(f"{_FILE}: 'full' takes a number above 0 for each of {len(axes)} axes")
        return names.full
    parts = [it.reshape(len(it), -1) for it in episodes if len(it) and are_axes(it, names)]
    if not parts:
        return (1.0,) * len(axes)
    steps = np.abs(np.concatenate(parts).astype(np.float64))
    sizes = np.where(np.isfinite(steps), steps, 0.0).max(axis=0)
    for number, size in enumerate(sizes):
        if 0 < size < IDLE * sizes.max():
            line = (
                f"{where}: axis {number} of the actions never gets beyond {size:.3g}, others get to"
                f" {sizes.max():.3g}: taken as idle; if it is not, say in {_FILE} how large each"
                ' gets: "full": [...]'
            )
            account.say(line, kind="axes that are taken as idle")
    return tuple(float(it) if it >= IDLE * sizes.max() and it else math.inf for it in sizes)


def _text_of(value: Any, step: int) -> str | None:
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError as error:
            raise DataError(f"the action of step {step} is not UTF-8") from error
    if not isinstance(value, str):
        raise DataError(f"the action of step {step} is no text: {shown(value)}")
    return " ".join(value.split()) or None


def _are_whole(actions: NDArray[Any]) -> bool:
    """Say whether numbers are whole, apart from those that are not there (NaN)."""
    if actions.dtype.kind != "f":
        return actions.dtype.kind in "iub"
    known = actions[np.isfinite(actions)]
    return bool(len(known)) and bool((known == np.round(known)).all())


def _words_of_numbers(
    actions: NDArray[Any], names: ActionNames, where: str, account: Account
) -> list[str | None]:
    known = np.isfinite(actions)
    numbers = [str(int(it)) if ok else None for it, ok in zip(actions, known, strict=True)]
    unnamed = sorted({it for it in numbers if it is not None} - set(names.words), key=int)
    if unnamed:
        line = (
            f"{where}: actions {a_few(unnamed)} have no words: they are called"
            f" 'action {unnamed[0]}' and so on; name them in actions.json"
        )
        account.say(line, kind="episodes with actions that have no words")
    return [None if it is None else names.words.get(it, f"action {it}") for it in numbers]


def _words_of_vectors(
    actions: NDArray[Any], axes: Sequence[Ways], full: Sequence[float]
) -> list[str | None]:
    known = np.isfinite(actions).all(axis=1)
    shares = np.where(np.isfinite(actions), actions, 0.0) / np.array(full)
    return [
        _words_of(vector, axes) if ok else None for vector, ok in zip(shares, known, strict=True)
    ]


def _words_of(vector: NDArray[np.float64], axes: Sequence[Ways]) -> str:
    pairs = zip(vector, axes, strict=True)
    words = [ways[int(value > 0)] for value, ways in pairs if abs(value) >= STRONG]
    return ", ".join(word for word in words if word) or STAND_STILL
