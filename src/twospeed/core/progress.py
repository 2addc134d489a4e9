"""How far long work has come: a bar on a terminal, a plain line now and then elsewhere; a journal.

Holds: `progress`, `speaks`, `Journal`. Holds not: any work.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress

from twospeed.core.errors import DataError


class Advance(Protocol):
    """Tells how much more is done; `note` is shown beside it, such as "loss 0.041"."""

    def __call__(self, count: int = 1, *, note: str = "") -> None:
        """Add `count` to what is done."""
        ...


def speaks() -> bool:
    """Say whether this process tells what is done: the first of those that were launched together.

    Launchers number them in the environment variable RANK.
    """
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def progress(
    label: str,
    *,
    total: int,
    unit: str,
    already: int = 0,
    seconds: float | None = None,
    console: Console | None = None,
    seconds_between_lines: float = 30.0,
) -> Iterator[Advance]:
    """Show rate and time left of long work, on standard error.

    Args:
        label: what is done, such as "recording rooms".
        total: how many units there are, with those of earlier runs.
        unit: what is counted, in the plural, such as "frames".
        already: units done by earlier runs; they do not count for the rate.
        seconds: after which the work ends at the latest, done or not.
        console: where to show it; None is standard error, of a process that `speaks`.
        seconds_between_lines: where the console is no terminal, a plain line comes this often.

    Yields:
        A function that is called with how much more is done.
    """
    console = console or Console(stderr=True, quiet=not speaks())
    clock = _Clock(total, already, seconds)
    if not console.is_terminal:
        yield _Lines(label, unit, clock, console, seconds_between_lines)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}, {task.fields[rate]}, {task.fields[left]}", markup=False),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with RichProgress(*columns, console=console) as bar:
        yield _Bar(bar, label, unit, clock)


class _Clock:
    """Counts what is done and says how fast, and how long it will take."""

    def __init__(self, total: int, already: int, seconds: float | None) -> None:
        self.total, self.done = total, already
        self._already, self._seconds = already, seconds
        self.start = time.monotonic()

    def rate(self) -> float:
        """Return units a second."""
        return (self.done - self._already) / max(time.monotonic() - self.start, 1e-9)

    def left(self) -> str:
        """Say how long it will take, by the rate or by when it has to end."""
        rate, left = self.rate(), []
        if rate:
            left.append((self.total - self.done) / rate)
        if self._seconds is not None:
            left.append(max(0.0, self.start + self._seconds - time.monotonic()))
        return f"{_duration(min(left))} left" if left else "unknown time left"


class _Bar:
    """Moves a bar of rich."""

    def __init__(self, bar: RichProgress, label: str, unit: str, clock: _Clock) -> None:
        self._bar, self._clock = bar, clock
        said: dict[str, Any] = {"unit": unit, "rate": "?/s", "left": clock.left(), "note": ""}
        self._task = bar.add_task(label, total=clock.total, completed=clock.done, **said)

    def __call__(self, count: int = 1, *, note: str = "") -> None:
        clock = self._clock
        clock.done += count
        said: dict[str, Any] = {"rate": f"{clock.rate():.3g}/s", "left": clock.left(), "note": note}
        self._bar.update(self._task, advance=count, **said)


class _Lines:
    """Prints a plain line when enough time has gone by."""

    def __init__(
        self, label: str, unit: str, clock: _Clock, console: Console, pause: float
    ) -> None:
        self._label, self._unit, self._clock = label, unit, clock
        self._console, self._pause = console, pause
        self._last = clock.start

    def __call__(self, count: int = 1, *, note: str = "") -> None:
        clock = self._clock
        clock.done += count
        now = time.monotonic()
        if now - self._last < self._pause:
            return
        self._last = now
        line = f"{self._label}: {clock.done} of {clock.total} {self._unit}, {clock.rate():.3g}/s"
        note = f", {note}" if note else ""
        self._console.print(
            f"{line}, {clock.left()}{note}", soft_wrap=True, highlight=False, markup=False
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
