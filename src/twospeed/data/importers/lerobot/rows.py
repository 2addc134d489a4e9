"""The rows of a LeRobot dataset: which file and lines hold an episode, and whether these fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.data.importers.lerobot.parquet import numbers_in, read_table

_COLUMNS = ("episode_index", "task_index", "frame_index", "timestamp")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """The rows of one episode."""

    first: int
    """Which row of the file it begins with."""

    tasks: Sequence[float]
    """The number of the task of each; NaN where there is none."""


class DataFile:
    """A Parquet file with the rows of one episode or of many."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Raises:
            DataError: when it is missing or damaged.
        """
        self._name = path.name
        table = read_table(path, columns=_COLUMNS)
        self._columns = {name: numbers_in(table, name) for name in _COLUMNS}
        self._num_rows = table.num_rows
        self._runs = _runs_of(self._columns["episode_index"])

    def rows_of(self, episode: int, *, length: int, rate: float) -> Rows:
        """Return the rows of an episode.

        Args:
            episode: its number.
            length: how many rows it should have.
            rate: frames per second.

        Raises:
            DataError: when it has none, another number of them, or rows that are not one frame
                after the other.
        """
        tasks = self._columns["task_index"]
        if tasks is None:
            raise DataError(f"{self._name} has no column 'task_index'")
        runs = [(0, self._num_rows)] if self._runs is None else self._runs.get(episode, [])
        if not runs and self._num_rows:
            raise DataError(f"{self._name} has no rows of it")
        found = sum(stop - start for start, stop in runs)
        if found != length:
            raise DataError(f"it should have {length} rows, but has {found}")
        if found < 2:
            raise DataError(f"it has {found} rows: an action needs two frames")
        if len(runs) > 1:
            raise DataError(f"its rows in {self._name} do not follow one another")
        start, stop = runs[0]
        self._check_clock(start, stop, rate)
        return Rows(first=start, tasks=tasks[start:stop].tolist())

    def _check_clock(self, start: int, stop: int, rate: float) -> None:
        """Refuse rows that are not one frame after the other."""
        expected = np.arange(stop - start)
        for name, unit in (("frame_index", 1.0), ("timestamp", rate)):
            column = self._columns[name]
            if column is None:
                continue
            wrong = ~(np.abs(column[start:stop] * unit - expected) < 0.5)
            if wrong.any():
                row = int(np.argmax(wrong))
                value = column[start + row]
                raise DataError(
                    f"its row {row} has the {name} {value:g}, where {row / unit:g} follows from"
                    f" {rate:g} frames a second"
                )


def _runs_of(episodes: NDArray[np.float64] | None) -> dict[int, list[tuple[int, int]]] | None:
    """Return episode -> where its rows begin and end, run after run; None when nothing says."""
    if episodes is None:
        return None
    runs: dict[int, list[tuple[int, int]]] = {}
    edges = [0, *(np.flatnonzero(np.diff(episodes)) + 1).tolist(), len(episodes)]
    for start, stop in pairwise(edges):
        if stop > start and np.isfinite(episodes[start]):
            runs.setdefault(int(episodes[start]), []).append((start, stop))
    return runs
