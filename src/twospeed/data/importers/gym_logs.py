"""Logs of play: Minari datasets (HDF5), .npz logs, and videos with a log of keys and mouse.

A step of a Minari or .npz log is a frame. Actions that are texts are taken as they are; numbers
get their words from ``actions.json`` beside the log: {"0": "turn left", ...} for discrete ones,
{"axes": [["turn left", "turn right"], [null, "go forward"]]} for vectors: the words of the
negative and of the positive way of each axis.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.core.files import read_json
from twospeed.data.importers.arrays import DAMAGE, ArrayFootage, is_frames, open_arrays
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.input_logs import is_input_log, plan_input_logs
from twospeed.data.importers.inputs import STAND_STILL
from twospeed.data.importers.plan import Say, Segment, Take, takes_of
from twospeed.data.importers.tables import tables_in

ENDINGS = (".hdf5", ".h5", ".npz")
STRONG = 0.3
"""An axis counts when its mean is at least this share of its largest value in the episode."""


def plan_gymnasium(source: Path, config: ImportConfig, say: Say) -> list[Take]:
    """Plan the takes of logs of play.

    Raises:
        DataError: when there is no log.
    """
    root = source if source.is_dir() else source.parent
    files = sorted(root.rglob("*")) if source.is_dir() else [source]
    arrays = [path for path in files if path.suffix.lower() in ENDINGS]
    tables = tables_in(source)
    if not arrays and not any(map(is_input_log, tables)):
        raise DataError(
            f"{source} holds no .hdf5, no .npz and no .csv or .jsonl of keys (with the columns"
            " video, start, end, input or video, time, event)"
        )
    takes = plan_input_logs(root, tables, config, say) if tables else []
    for path in arrays:
        name = path.relative_to(root).as_posix()
        try:
            takes += _takes_in(path, name, config, say)
        except DAMAGE as error:
            say(f"{name}: cannot be read ({error}); skipped")
    return takes


def _takes_in(path: Path, name: str, config: ImportConfig, say: Say) -> list[Take]:
    names = _names_beside(path)
    takes = []
    with open_arrays(path) as arrays:
        for episode, frames_key, num_frames, actions, rate in _episodes_in(arrays, name, say):
            where = f"{name} {episode}".strip()
            try:
                words = words_of_steps(actions, names, where, say)
            except DataError as error:
                say(f"{where}: {error}; skipped")
                continue
            rate = rate or config.frames_per_second
            footage = ArrayFootage(path=path, name=where, key=frames_key, rate=rate)
            segments = _segments_of(words[: num_frames - 1], where, rate, config, say)
            takes += takes_of(footage, where, segments, config, say)
    return takes


def _names_beside(path: Path) -> Mapping[str, Any]:
    """Return what ``actions.json`` says, which lies with the log or at most two folders up."""
    for folder in path.parents[:3]:
        if (folder / "actions.json").exists():
            return read_json(folder / "actions.json")
    return {}


def _episodes_in(
    arrays: Any, name: str, say: Say
) -> Iterator[tuple[str, str, int, NDArray[Any], float | None]]:
    """Yield (episode, key of its frames, their number, actions, rate) of what has pictures."""
    groups = [key for key in arrays if key.startswith("episode_")]
    groups.sort(key=lambda key: int(key.rpartition("_")[2]))
    for key in groups or [""]:
        group = arrays[key] if key else arrays
        found = _pictures_in(group)
        if found is None or "actions" not in group:
            lacks = "pictures (uint8, height, width, 3)" if found is None else "'actions'"
            say(f"{f'{name} {key}'.strip()}: there are no {lacks}; skipped")
        elif not hasattr(group["actions"], "shape"):
            say(f"{f'{name} {key}'.strip()}: actions of several parts are not read; skipped")
        else:
            rate = float(group["fps"]) if not key and "fps" in group else None
            path, count = found
            yield key, f"{key}/{path}".lstrip("/"), count, np.asarray(group["actions"]), rate


def _pictures_in(group: Any) -> tuple[str, int] | None:
    """Return the key and the length of the first array of pictures."""
    for key in group:
        found = group[key]
        if hasattr(found, "keys"):
            below = _pictures_in(found)
            if below:
                return f"{key}/{below[0]}", below[1]
        elif is_frames(found.shape, found.dtype):
            return str(key), len(found)
    return None


def words_of_steps(
    actions: NDArray[Any], names: Mapping[str, Any], where: str, say: Say
) -> list[str]:
    """Return the words of every step.

    Raises:
        DataError: when numbers have no words.
    """
    if actions.dtype.kind in "SUO":
        texts = [it.decode() if isinstance(it, bytes) else str(it) for it in actions.tolist()]
        return [" ".join(text.split()) for text in texts]
    if actions.ndim == 1 and actions.dtype.kind in "iub":
        numbers = [str(int(number)) for number in actions]
        unnamed = sorted(set(numbers) - set(names), key=int)
        if unnamed:
            say(
                f"{where}: actions {', '.join(unnamed)} have no words: they are called"
                f" 'action {unnamed[0]}' and so on; name them in actions.json"
            )
        return [names.get(number, f"action {number}") for number in numbers]
    if "axes" not in names or actions.ndim != 2 or len(names["axes"]) != actions.shape[1]:
        raise DataError(
            f"actions {actions.dtype} {actions.shape} need words: write actions.json with"
            ' {"axes": [[negative, positive], ...]}, a pair for each number'
        )
    return _words_of_vectors(actions.astype(np.float64), names["axes"])


def _words_of_vectors(
    actions: NDArray[np.float64], axes: Sequence[Sequence[str | None]]
) -> list[str]:
    strongest = np.maximum(np.abs(actions).max(axis=0), 1e-9)
    steps = []
    for vector in actions / strongest:
        pairs = zip(vector, axes, strict=True)
        words = [pair[int(value > 0)] for value, pair in pairs if abs(value) >= STRONG]
        steps.append(", ".join(word for word in words if word) or STAND_STILL)
    return steps


def _segments_of(
    words: Sequence[str], where: str, rate: float, config: ImportConfig, say: Say
) -> list[Segment]:
    """Cut steps into chunks; a chunk of several actions names them in their order."""
    steps = config.chunk_seconds * rate
    count = int(len(words) / steps + 1e-6)
    if not count:
        say(f"{where}: {len(words)} steps are too few for a chunk of {steps:g}; skipped")
    segments = []
    for index in range(count):
        first, last = round(index * steps), round((index + 1) * steps)
        in_order = [word for word, _ in groupby(words[first:last])]
        segments.append(
            Segment(
                where=f"{where} step {first}",
                start=index * config.chunk_seconds,
                stop=(index + 1) * config.chunk_seconds,
                action=", then ".join(in_order),
            )
        )
    return segments
