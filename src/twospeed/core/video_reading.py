"""How a video file becomes frames with times; the one place that knows.

Times are those that a player shows: seconds from where picture or sound begins. A seek is checked.
Which frames are damaged is known by core/video_decoding.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twospeed.core.errors import DataError, require
from twospeed.core.pictures import Frame
from twospeed.core.video_decoding import Decoding, Moment
from twospeed.core.video_header import (
    Header,
    header_of,
    open_container,
    picture_of,
    reason_of,
)
from twospeed.core.video_pixels import shown_pixels

LONG_SECONDS = 10.0
"""What is farther away is jumped to instead of being decoded."""

TOLERANCE_SECONDS = 2e-3
"""How far a container may round the time of a frame."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Video:
    """A video file whose header was read."""

    path: Path
    header: Header

    def moments(self, *, start: float = 0.0) -> Iterator[Moment]:
        """Yield frame after frame in the order of time, the first of them at or before `start`.

        Raises:
            DataError: where the file cannot be read on, or its clock jumps back.
        """
        back = 0.0
        while start - back > LONG_SECONDS:
            moments = self._decoded(start - back)
            first = next(moments, None)
            if first is not None and first.time <= start + TOLERANCE_SECONDS:
                yield first
                yield from moments
                return
            back = max(2 * back, LONG_SECONDS)  # the jump went too far: from farther away
        yield from self._decoded(None)

    def moments_at(self, frames_per_second: float) -> Iterator[Moment]:
        """Yield the moment that is on the screen at every step of another rate, from 0 s on.

        Raises:
            DataError: as `moments`, or at a frame that is damaged.
        """
        shown, taken = None, 0
        for moment in self.moments():
            if moment.frame is None:
                raise DataError(f"it is damaged at {moment.time:.2f} s")
            while taken / frames_per_second < moment.time - TOLERANCE_SECONDS:
                yield shown or moment
                taken += 1
            shown = moment
        end = 0.0 if shown is None else shown.time + max(shown.lasts, 2 * TOLERANCE_SECONDS)
        while shown is not None and taken / frames_per_second < end - TOLERANCE_SECONDS:
            yield shown
            taken += 1

    def pixels(self, moment: Moment) -> Frame:
        """Return the frame of a moment that is not damaged, as it is shown.

        Raises:
            DataError: when it says that it has colours of a kind that nobody knows.
        """
        with _told():
            return shown_pixels(moment.frame, self.header.pixel_aspect)

    def _decoded(self, start: float | None) -> Iterator[Moment]:
        """Decode from the first key frame after a jump to `start`, or all."""
        with _opened(self.path) as container:
            stream = picture_of(container)
            if start is not None and not _jump(container, stream, start + self.header.start):
                return
            decoding = Decoding(container=container, stream=stream, origin=self.header.start)
            yield from decoding.moments(jumped=start is not None)


def open_video(path: Path) -> Video:
    """Read the header of a video.

    Raises:
        DataError: when it is missing, empty, no video, holds no picture, or is too large.
    """
    with _opened(path) as container:
        return Video(path=path, header=header_of(container))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a video; what goes wrong while it is open is damage too."""
    with _told(), open_container(path) as container:
        yield container


@contextmanager
def _told() -> Iterator[None]:
    """Turn what PyAV raises into a `DataError`."""
    av = require("av", extra="all")
    try:
        yield
    except DataError:
        raise
    except (OSError, ValueError, IndexError, av.FFmpegError) as error:
        raise DataError(reason_of(error)) from error


def _jump(container: Any, stream: Any, time: float) -> bool:
    """Seek to a time of the file's own clock, if it lets us."""
    av = require("av", extra="all")
    try:
        container.seek(round(time / stream.time_base), stream=stream)
    except av.FFmpegError:
        return False
    return True
