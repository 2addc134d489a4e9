"""Frames of video files at given times, whatever their rate, size or orientation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from twospeed.core.errors import DataError, require
from twospeed.core.video import fit_frame
from twospeed.data.importers.plan import Say
from twospeed.worlds.base import Frame

ENDINGS = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv")
LONG_GAP_SECONDS = 10.0
"""A gap that is jumped over instead of being decoded."""

_TOLERANCE_SECONDS = 2e-3
_STEADY = 1.3


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoFootage:
    """A video file."""

    path: Path
    name: str
    rate: float | None = None
    """Frames per second that it should have; None when nobody says."""

    def frames_at(self, times: Sequence[float], *, size: int, say: Say) -> Iterator[Frame]:
        """Yield the frame that is seen at each of `times`; fewer when the video ends before.

        Raises:
            DataError: when the file is no video, holds no picture, or is damaged.
        """
        with _opened(self.path) as (container, stream):
            watch = _Watch(say=say, rate=self.rate)
            for run in _runs(times):
                moments = _decoded(container, stream, start=run[0])
                number = 0
                for shown in _shown_at(moments, run, watch):
                    yield fit_frame(_upright(shown, watch), size)
                    number += 1
                if number < len(run):
                    return


@dataclass(slots=True)
class _Watch:
    """Sees what is unusual in a video and says it once."""

    say: Say
    rate: float | None = None
    said: set[str] = field(default_factory=set)
    usual: float | None = None
    others: int = 0

    def once(self, key: str, line: str) -> None:
        if key not in self.said:
            self.said.add(key)
            self.say(line)

    def see(self, before: float, now: float) -> None:
        """Note the times of two frames that follow one another."""
        step = now - before
        if step <= 0:
            return
        if self.usual is None:
            self.usual = step
            if self.rate and not 1 / _STEADY < step * self.rate < _STEADY:
                line = f"it has {1 / step:.3g} frames a second instead of {self.rate:g}"
                self.once("rate", f"{line}; frames are taken by their times")
        steady = 1 / _STEADY < step / self.usual < _STEADY
        self.others = 0 if steady else self.others + 1
        if self.others == 3:  # one that was dropped is no change of rate
            self.once(
                "rate",
                f"its frame rate changes at {now:.1f} s from {1 / self.usual:.3g} to"
                f" {1 / step:.3g} a second; frames are taken by their times",
            )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open a video; what goes wrong while it is open is damage too."""
    av = require("av", extra="all")
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                kinds = "sound only" if container.streams.audio else "no video stream"
                raise DataError(f"holds {kinds}, no picture")
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1  # imports are parallel over processes already
            yield container, stream
    except FileNotFoundError as error:
        raise DataError("is missing") from error
    except (OSError, ValueError, IndexError, av.FFmpegError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot be read as a video: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _runs(times: Sequence[float]) -> list[list[float]]:
    """Cut rising times where a gap is worth a jump."""
    cuts = [i for i, (a, b) in enumerate(pairwise(times), start=1) if b - a > LONG_GAP_SECONDS]
    edges = [0, *cuts, len(times)]
    return [list(times[start:stop]) for start, stop in pairwise(edges) if stop > start]


def _decoded(container: Any, stream: Any, *, start: float) -> Iterator[tuple[float, Any]]:
    """Yield (time, frame) from a key frame not far before `start`."""
    first = stream.start_time or 0
    if start > LONG_GAP_SECONDS:
        container.seek(int(start / stream.time_base) + first, stream=stream)
    for frame in container.decode(stream):
        if frame.pts is not None:
            yield float((frame.pts - first) * stream.time_base), frame


def _shown_at(
    moments: Iterator[tuple[float, Any]], times: Sequence[float], watch: _Watch
) -> Iterator[Any]:
    """Yield the frame that is on the screen at each time."""
    waiting = list(reversed(times))
    shown, begun = None, 0.0
    for moment, frame in moments:
        while waiting and shown is not None and waiting[-1] < moment - _TOLERANCE_SECONDS:
            waiting.pop()
            yield shown
        if not waiting:
            return
        if shown is not None:
            watch.see(begun, moment)
        shown, begun = frame, moment
    until = begun + (watch.usual or 0.0) + _TOLERANCE_SECONDS
    while waiting and shown is not None and waiting[-1] <= until:
        waiting.pop()
        yield shown


def _upright(frame: Any, watch: _Watch) -> Frame:
    """Return the pixels, turned as the file says that they are shown."""
    pixels = np.rot90(frame.to_ndarray(format="rgb24"), k=round(frame.rotation / 90))
    height, width = pixels.shape[:2]
    if height > width:
        watch.once("portrait", f"portrait, {width}x{height}; the middle square is taken")
    return np.ascontiguousarray(pixels)
