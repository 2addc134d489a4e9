"""What is to be imported: labelled segments of footage, and the takes that are made of them.

Holds: `Segment`, `Footage`, `Take`. Holds not: how segments become takes (grid.py), any format.
A take is one episode to be: its first frame, then `chunk_frames` frames for every action.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from twospeed.core.errors import DataError
from twospeed.core.pictures import Frame, Size
from twospeed.data.importers.config import ImportConfig

Say = Callable[[str], None]
"""Takes one line about something that was left out or is not as usual."""

MOST_ACTION_BYTES = 255
"""Of an action in words, in UTF-8; the text encoder reads no further."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Footage(Protocol):
    """Frames with times, on disk; can be sent to another process."""

    @property
    def name(self) -> str:
        """What people call it, such as a file name."""
        ...

    @property
    def path(self) -> Path:
        """The file that holds it."""
        ...

    def frames_at(self, times: Sequence[float], *, size: Size, say: Say) -> Iterator[Frame | None]:
        """Yield the frame that is seen at each of `times`; fewer when the footage ends before.

        None stands for a frame that is damaged.

        Args:
            times: seconds from the start, rising within a take.
            size: height and width of the frames that are yielded.
            say: gets a line about anything unusual.

        Raises:
            DataError: where it cannot be read.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A stretch of footage and what is done in it."""

    where: str
    """Where it is written, such as "labels.csv row 3"."""

    start: float
    """Seconds from the start of the footage."""

    stop: float
    """Seconds from the start of the footage; the frame that is seen then belongs to it."""

    action: str
    """What is done, in words."""

    entry: str = ""
    """What the source lists it as, when that is not `where`."""

    @property
    def times(self) -> str:
        """Start and stop for people."""
        return f"{self.start:.2f} to {self.stop:.2f} s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Take:
    """One episode to be."""

    footage: Footage
    scene: str

    start: float
    """When the first frame is seen, in seconds."""

    stop: float
    """When the last frame that belongs to it is seen, in seconds."""

    chunks: tuple[Segment, ...]
    """The segment that every chunk belongs to."""

    rate: float | None = None
    """Frames per second of footage whose frames have numbers; None when it has only times."""

    @property
    def actions(self) -> tuple[str, ...]:
        """One a chunk."""
        return tuple(chunk.action for chunk in self.chunks)

    @property
    def where(self) -> tuple[str, ...]:
        """Where the segment of each chunk is written."""
        return tuple(chunk.where for chunk in self.chunks)

    @property
    def entries(self) -> tuple[str, ...]:
        """What the source lists the segment of each chunk as."""
        return tuple(chunk.entry or chunk.where for chunk in self.chunks)

    def times(self, config: ImportConfig) -> list[float]:
        """Return when every frame is seen, in seconds; none is seen after `stop`.

        Where frames have numbers, the times lie in the middle of a frame, so that clocks which are
        off by less than half a frame change nothing.
        """
        length = self.stop - self.start
        count = 1 + config.chunk_frames * len(self.chunks)
        moments = (min(index / config.frames_per_second, length) for index in range(count))
        if self.rate is None:
            return [self.start + moment for moment in moments]
        numbers = (int(moment * self.rate + 1e-6) for moment in moments)
        return [self.start + (number + 0.5) / self.rate for number in numbers]


def action_text(text: str) -> str:
    """Return what is done as one line of words with single spaces.

    Raises:
        DataError: when there are none, or more than `MOST_ACTION_BYTES`.
    """
    text = " ".join(_CONTROL.sub(" ", text).split())
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise DataError("its action holds half a letter (a lone surrogate)") from error
    if not 0 < size <= MOST_ACTION_BYTES:
        reason = f"more than {MOST_ACTION_BYTES}: shorten it" if size else "none"
        raise DataError(f"its action has {size:,} bytes, {reason}")
    return text


def rows_text(where: Sequence[str]) -> str:
    """Return such as "labels.csv row 3 and 2 more"."""
    rows = list(dict.fromkeys(where))
    return f"{rows[0]} and {len(rows) - 1} more" if len(rows) > 1 else rows[0]
