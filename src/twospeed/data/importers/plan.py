"""What is to be imported: labelled segments of footage, laid on the grid of chunks as takes.

Holds: `Segment`, `Footage`, `Take`, `takes_of`. Holds not: any format, any frame.
A take is one episode to be: its first frame, then `chunk_frames` frames for every action. Segments
that follow one another without a gap make one take.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from twospeed.data.importers.config import ImportConfig
from twospeed.worlds.base import Frame

Say = Callable[[str], None]
"""Takes one line about something that was left out or is not as usual."""


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

    def frames_at(self, times: Sequence[float], *, size: int, say: Say) -> Iterator[Frame | None]:
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
    """Seconds from the start of the footage."""

    action: str
    """What is done, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Take:
    """One episode to be."""

    footage: Footage
    scene: str
    start: float
    """When the first frame is seen, in seconds."""

    actions: tuple[str, ...]
    """One a chunk."""

    where: tuple[str, ...]
    """Where the segment of each chunk is written."""

    def times(self, config: ImportConfig) -> list[float]:
        """Return when every frame is seen, in seconds."""
        count = 1 + config.chunk_frames * len(self.actions)
        return [self.start + index / config.frames_per_second for index in range(count)]


def takes_of(
    footage: Footage, scene: str, segments: Sequence[Segment], config: ImportConfig, say: Say
) -> list[Take]:
    """Lay the segments of one piece of footage on the grid of chunks.

    A chunk has the action of the segment that its middle lies in. Segments that overlap an earlier
    one, that have no length, or that no chunk's middle falls into are named and left out.
    """
    if not config.takes_scene(scene):
        return []
    takes = []
    for run in _runs(_apart(segments, say), gap=0.5 / config.frames_per_second):
        chunks = _chunks_of(run, config.chunk_seconds)
        for segment in run:
            if not any(segment is chunk for chunk in chunks):
                say(
                    f"{segment.where}: {segment.stop - segment.start:.2f} s are too short for a"
                    f" chunk of {config.chunk_seconds:g} s; skipped"
                )
        if chunks:
            takes.append(
                Take(
                    footage=footage,
                    scene=scene,
                    start=run[0].start,
                    actions=tuple(chunk.action for chunk in chunks),
                    where=tuple(chunk.where for chunk in chunks),
                )
            )
    return takes


def rows_text(where: Sequence[str]) -> str:
    """Return such as "labels.csv row 3 and 2 more"."""
    rows = list(dict.fromkeys(where))
    return f"{rows[0]} and {len(rows) - 1} more" if len(rows) > 1 else rows[0]


def _apart(segments: Sequence[Segment], say: Say) -> Iterator[Segment]:
    """Yield, in the order of time, the segments that have a length and overlap none before."""
    last: Segment | None = None
    for segment in sorted(segments, key=lambda it: it.start):
        times = f"{segment.start:.2f} to {segment.stop:.2f} s"
        if segment.stop <= segment.start:
            say(f"{segment.where}: the segment {times} has no length; skipped")
        elif last is not None and segment.start < last.stop - 1e-6:
            say(
                f"{segment.where}: the segment {times} overlaps {last.where}"
                f" ({last.start:.2f} to {last.stop:.2f} s); skipped"
            )
        else:
            last = segment
            yield segment


def _runs(segments: Iterator[Segment], *, gap: float) -> list[list[Segment]]:
    runs: list[list[Segment]] = []
    for segment in segments:
        if runs and segment.start - runs[-1][-1].stop <= gap:
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return runs


def _chunks_of(run: Sequence[Segment], seconds: float) -> list[Segment]:
    """Return the segment of every chunk of a run."""
    count = int((run[-1].stop - run[0].start) / seconds + 0.5 + 1e-6)
    middles = [run[0].start + (index + 0.5) * seconds for index in range(count)]
    return [
        next((segment for segment in run if middle < segment.stop), run[-1]) for middle in middles
    ]
