"""How far long work has come: a bar on a terminal, a plain line now and then elsewhere; a journal.

Holds: `progress`, `Journal`. Holds not: any work.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from twospeed.core.errors import DataError


class Advance(Protocol):
    """Tells how much more is done; `note` is shown beside it, such as "loss 0.041"."""

    def __call__(self, count: int = 1, *, note: str = "") -> None:
        """Add `count` to what is done."""
        ...


@contextmanager
def progress(
    label: str,
    *,
    total: int,
    unit: str,
    already: int = 0,
    console: Console | None = None,
    seconds_between_lines: float = 30.0,
) -> Iterator[Advance]:
    """Show rate and time left of long work, on standard error.

    Args:
        label: what is done, such as "recording rooms".
        total: how many units there are, with those of earlier runs.
        unit: what is counted, in the plural, such as "frames".
        already: units done by earlier runs; they do not count for the rate.
        console: where to show it; None is standard error.
        seconds_between_lines: where the console is no terminal, a plain line comes this often.

    Yields:
        A function that is called with how much more is done.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(label, total, unit, already, console, seconds_between_lines)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}, {task.fields[rate]}, left", markup=False),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with RichProgress(*columns, console=console) as bar:
        yield _Bar(bar, label, total, unit, already)


class _Bar:
    """Moves a bar of rich."""

    def __init__(self, bar: RichProgress, label: str, total: int, unit: str, already: int) -> None:
        self._bar = bar
        self._task = bar.add_task(
            label, total=total, completed=already, unit=unit, rate="?/s", note=""
        )

    def __call__(self, count: int = 1, *, note: str = "") -> None:
        speed = self._bar.tasks[0].speed
        rate = "?/s" if speed is None else f"{speed:.3g}/s"
        self._bar.update(self._task, advance=count, rate=rate, note=note)


class _Lines:
    """Prints a plain line when enough time has gone by."""

    def __init__(
        self, label: str, total: int, unit: str, already: int, console: Console, pause: float
    ) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._already = self._done = already
        self._console, self._pause = console, pause
        self._start = self._last = time.monotonic()

    def __call__(self, count: int = 1, *, note: str = "") -> None:
        self._done += count
        now = time.monotonic()
        if now - self._last < self._pause:
            return
        self._last = now
        rate = (self._done - self._already) / max(now - self._start, 1e-9)
        left = _duration((self._total - self._done) / rate) if rate else "unknown time"
        line = f"{self._label}: {self._done} of {self._total} {self._unit}, {rate:.3g}/s"
        note = f", {note}" if note else ""
        self._console.print(
            f"{line}, {left} left{note}", soft_wrap=True, highlight=False, markup=False
        )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


class Journal:
    """An append-only file of JSON lines: what a run did, line by line, readable at any time.

    Every line is written and closed at once, so that a killed run loses none. A line that was
    cut off by an earlier kill is ended before the next one is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, **values: object) -> None:
        """Append one line with these values, keys sorted.

        Raises:
            DataError: when the file cannot be written.
        """
        line = json.dumps(values, sort_keys=True) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                if self._is_cut_off(file):
                    line = "\n" + line
                file.write(line.encode())
        except OSError as error:
            raise DataError(f"cannot write {self.path}: {error.strerror or error}") from error

    @staticmethod
    def _is_cut_off(file: BinaryIO) -> bool:
        if file.seek(0, 2) == 0:
            return False
        file.seek(-1, 2)
        return file.read(1) != b"\n"
