"""Which arrays of a log are pictures and actions, and where its episodes begin and end."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.data.importers.logs.arrays import are_codes, is_frames
from twospeed.data.importers.logs.stored import Arrays, Stored

ENDS = (
    "terminals", "timeouts", "terminations", "truncations", "terminated", "truncated", "dones",
    "done",
)  # fmt: skip
"""Names of arrays that say, for every step, whether it is the last one of its episode."""

_PICTURES = ("observations", "observation", "obs", "frames", "images", "image", "pixels", "rgb")
"""Where pictures are looked for first."""

_EPISODE = "episode_"
_FASTEST = 1000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """Frames and actions that were logged in a row: one episode or several."""

    name: str
    """Path in the file; empty when the file holds one log."""

    frames: str
    """Path of the pictures in the file."""

    num_frames: int
    actions: NDArray[Any]
    marks: Mapping[str, NDArray[Any]]
    """The arrays of `ENDS` that it has."""

    rate: float | None
    """Frames per second; None when the log does not say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One episode of a log."""

    first_frame: int
    num_frames: int
    first_step: int


def logs_in(arrays: Arrays) -> dict[str, dict[str, Stored]]:
    """Return name -> arrays of every log of a file: its groups ``episode_N``, or all of it."""
    logs: dict[str, dict[str, Stored]] = {}
    for path, array in arrays.items():
        group, _, rest = path.partition("/")
        if rest and group.startswith(_EPISODE):
            logs.setdefault(group, {})[rest] = array
    return {name: logs[name] for name in sorted(logs, key=_number_of)} or {"": dict(arrays)}


def _number_of(name: str) -> tuple[float, str]:
    digits = name.removeprefix(_EPISODE)
    return (float(digits) if digits.isdecimal() else math.inf, name)


def log_of(name: str, arrays: Mapping[str, Stored], wanted: str | None) -> Log:
    """Read all of a log but its pictures.

    Args:
        name: of the log.
        arrays: of the log.
        wanted: the array that holds the pictures; None takes the first one that does.

    Raises:
        DataError: when it has no pictures or no actions, or arrays that do not fit together.
    """
    path = _pictures_in(arrays, wanted)
    if "actions" not in arrays:
        parts = [it for it in arrays if it.startswith("actions/")]
        raise DataError(
            "actions of several parts are not read" if parts else "there are no 'actions'"
        )
    actions = arrays["actions"].whole()
    if actions.ndim == 0:
        raise DataError("'actions' is a single number")
    return Log(
        name=name,
        frames=f"{name}/{path}".lstrip("/"),
        num_frames=arrays[path].shape[0],
        actions=actions,
        marks={name: arrays[name].whole() for name in ENDS if name in arrays},
        rate=_rate_of(arrays["fps"]) if "fps" in arrays else None,
    )


def _pictures_in(arrays: Mapping[str, Stored], wanted: str | None) -> str:
    """Return the path of the pictures: what is seen before each action."""
    if wanted is not None and wanted not in arrays:
        raise DataError(f"there is no array {wanted!r} (arrays: {', '.join(arrays)})")
    paths = [wanted] if wanted else sorted(arrays, key=_place_of)
    found = [it for it in paths if is_frames(arrays[it].shape, arrays[it].dtype)]
    found = [it for it in found if wanted or not it.startswith("next")]
    if not found:
        held = [f"{it} {array.dtype} {array.shape}" for it, array in arrays.items()]
        raise DataError(
            "there are no pictures (uint8, height, width, 3, sides of 8 and more); it holds"
            f" {', '.join(held)[:200] or 'nothing'}"
        )
    if not wanted and are_codes(arrays[found[0]]):
        raise DataError(
            f"there are no pictures: the small numbers in {found[0]!r} look like codes; name it by"
            " --camera if they are none"
        )
    return found[0]


def _place_of(path: str) -> int:
    first = path.partition("/")[0]
    return _PICTURES.index(first) if first in _PICTURES else len(_PICTURES)


def _rate_of(array: Stored) -> float:
    values = array.whole().ravel()
    if len(values) == 1 and values.dtype.kind in "iuf" and 0 < float(values[0]) <= _FASTEST:
        return float(values[0])
    raise DataError(f"'fps' should be one number above 0, up to 1000, is {values[:3]}")


def pieces_of(log: Log) -> list[Piece]:
    """Return the episodes of a log.

    A log has as many frames as actions, or one more at its end or at the end of each episode.

    Raises:
        DataError: when it has another number of frames, or its marks do not fit its actions.
    """
    num_steps, num_frames = len(log.actions), log.num_frames
    if not num_steps:
        raise DataError("there is no action")
    ends = _ends_of(log.marks, num_steps)
    stops = [int(step) + 1 for step in np.flatnonzero(ends)]
    if not stops or stops[-1] < num_steps:
        stops.append(num_steps)
    extra = num_frames - num_steps
    if extra not in {0, 1, len(stops)}:
        raise DataError(f"{num_frames} frames do not fit {num_steps} actions")
    return list(_pieces(stops, num_frames, each_has_more=extra == len(stops)))


def _ends_of(marks: Mapping[str, NDArray[Any]], num_steps: int) -> NDArray[np.bool_]:
    """Return (T,) whether a step is the last one of its episode."""
    ends = np.zeros(num_steps, bool)
    for name, values in marks.items():
        if values.size != num_steps or values.dtype.kind not in "biuf":
            raise DataError(
                f"{name!r} should be one 0 or 1 for each of {num_steps} actions, is"
                f" {values.dtype} {values.shape}"
            )
        if not np.isin(values, (0, 1)).all():
            raise DataError(f"{name!r} should be 0 or 1 for every action, but holds others")
        ends |= values.ravel().astype(bool)
    return ends


def _pieces(stops: Sequence[int], num_frames: int, *, each_has_more: bool) -> Iterator[Piece]:
    first_step = 0
    for number, stop in enumerate(stops):
        more = number if each_has_more else 0
        last = num_frames if number == len(stops) - 1 else stop + more + each_has_more
        first = first_step + more
        yield Piece(first_frame=first, num_frames=last - first, first_step=first_step)
        first_step = stop
