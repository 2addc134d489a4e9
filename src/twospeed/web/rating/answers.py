"""Answers of raters in one SQLite file, and what they say together."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from twospeed.core.errors import ConfigError, DataError
from twospeed.evaluation.metrics.agreement import krippendorff_alpha
from twospeed.evaluation.metrics.bootstrap import bootstrap_mean, plain

ASPECTS = ("quality", "coherence", "adherence")
"""What is rated, 0 to 1."""

ENOUGH = 3
"""Raters that a clip should have."""

_TABLE = (
    "create table if not exists answers (rater text, clip text, aspect text, value real,"
    " primary key (rater, clip, aspect))"
)


class Answers:
    """The answers in a file; a clip is "arm/seed"."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path)) as base, base:
                base.execute(_TABLE)
                yield base
        except sqlite3.Error as error:
            raise DataError(f"cannot use {self.path} for answers: {error}") from error

    def put(self, rater: str, clip: str, values: dict[str, float]) -> None:
        """Keep a rater's answer on a clip; a later one takes its place.

        Raises:
            ConfigError: when an aspect is missing or a value is not from 0 to 1.
            DataError: when the file cannot be written.
        """
        if set(values) != set(ASPECTS) or not all(0 <= it <= 1 for it in values.values()):
            raise ConfigError(f"an answer gives {', '.join(ASPECTS)}, each from 0 to 1")
        rows = [(rater, clip, aspect, value) for aspect, value in values.items()]
        with self._open() as base:
            base.executemany("insert or replace into answers values (?, ?, ?, ?)", rows)

    def rows(self) -> list[tuple[str, str, str, float]]:
        """Return (rater, clip, aspect, value) of all answers."""
        with self._open() as base:
            return list(base.execute("select rater, clip, aspect, value from answers"))

    def done_by(self, rater: str) -> set[str]:
        """Return the clips that a rater has rated."""
        return {clip for who, clip, _, _ in self.rows() if who == rater}

    def summary(self, *, seed: int = 0) -> dict[str, Any]:
        """Return for every aspect alpha, and every arm's mean over clips with an interval."""
        rows = self.rows()
        counts = [len({who for who, it, _, _ in rows if it == clip}) for clip in _clips(rows)]
        report: dict[str, Any] = {
            "raters": len({row[0] for row in rows}),
            "clips": len(counts),
            "clips_with_too_few": sum(count < ENOUGH for count in counts),
        }
        for aspect in ASPECTS:
            units = _units(rows, aspect)
            arms: dict[str, list[float]] = {}
            for clip, values in units.items():
                arms.setdefault(clip.partition("/")[0], []).append(float(np.mean(values)))
            report[aspect] = {
                "alpha": plain(krippendorff_alpha(units.values())),
                "arms": {arm: bootstrap_mean(it, seed=seed).to_json() for arm, it in arms.items()},
            }
        return report


def _clips(rows: list[tuple[str, str, str, float]]) -> list[str]:
    return sorted({row[1] for row in rows})


def _units(rows: list[tuple[str, str, str, float]], aspect: str) -> dict[str, list[float]]:
    units: dict[str, list[float]] = {}
    for _, clip, about, value in rows:
        if about == aspect:
            units.setdefault(clip, []).append(value)
    return units
