"""How a video file becomes frames with times; the one place that knows.

Times are those that a player shows: seconds from where picture or sound begins. A seek is checked.
From a fault until the next key frame all frames count as damaged: decoders flag the first one and
paint over the rest. What HEVC, VP9 or AV1 decode without noticing stays unseen.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twospeed.core.errors import DataError, require
from twospeed.core.pictures import Frame
from twospeed.core.video_header import (
    Header,
    header_of,
    open_container,
    picture_of,
    reason_of,
    step_of,
)
from twospeed.core.video_pixels import shown_pixels

LONG_SECONDS = 10.0
"""What is farther away is jumped to instead of being decoded."""

TOLERANCE_SECONDS = 2e-3
"""How far a container may round the time of a frame."""

_BACK_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """From when on a frame is shown."""

    time: float
    """Seconds."""

    lasts: float
    """Seconds that it is shown if no other follows."""

    frame: Any = None
    """Of PyAV; None where the video is damaged."""


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
            reading = _Reading(container=container, stream=stream, origin=self.header.start)
            yield from reading.moments(jumped=start is not None)


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


@dataclass(kw_only=True, slots=True)
class _Reading:
    """One pass over a file that sees what is damaged."""

    container: Any
    stream: Any
    origin: float
    """When the file begins on its own clock."""

    faults: list[float] = field(default_factory=list)
    """When something was wrong, as far as it may still matter."""

    def moments(self, *, jumped: bool) -> Iterator[Moment]:
        """Yield whole frames, and a moment without one where damage begins."""
        last: Moment | None = None
        for time, frame in self._frames():
            if frame.is_corrupt or (last is None and not frame.key_frame):
                self.faults.append(time)
            hurt, whole = self._judged(time, frame)
            if hurt and not (jumped and last is None) and (last is None or last.frame):
                last = _damage_after(last, time)
                yield last
            if whole and not (last and _is_before(time, last)):
                lasts = float((frame.duration or 0) * self.stream.time_base) or step_of(self.stream)
                last = Moment(time=time, lasts=lasts, frame=frame)
                yield last
        if self.faults and not (jumped and last is None):
            yield _damage_after(last, math.inf)

    def _frames(self) -> Iterator[tuple[float, Any]]:
        """Yield (seconds, frame) as they are decoded, noting what goes wrong between them."""
        av = require("av", extra="all")
        time = -step_of(self.stream)
        for packet in self.container.demux(self.stream):
            frames = []
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.faults.append(self._seconds(packet.pts, packet.dts, instead=time))
            if packet.is_corrupt:
                self.faults.append(self._seconds(packet.pts, packet.dts, instead=time))
            for frame in frames:
                time = self._seconds(frame.pts, instead=time + step_of(self.stream))
                yield time, frame

    def _judged(self, time: float, frame: Any) -> tuple[bool, bool]:
        """Say whether damage has begun by now, and whether this frame is whole."""
        begun = [fault for fault in self.faults if fault <= time]
        later = [fault for fault in self.faults if fault > time]
        whole = not begun or (frame.key_frame and max(begun) < time)
        self.faults = later if whole else [max(begun), *later]
        return bool(begun), whole

    def _seconds(self, *ticks: int | None, instead: float) -> float:
        tick = next((it for it in ticks if it is not None), None)
        return instead if tick is None else float(tick * self.stream.time_base) - self.origin


def _damage_after(last: Moment | None, time: float) -> Moment:
    """Return the moment at which damage begins that is noticed at `time`."""
    begin = 0.0 if last is None else max(last.time, min(last.time + last.lasts, time))
    return Moment(time=begin, lasts=math.inf)


def _is_before(time: float, last: Moment) -> bool:
    """Say whether a frame comes too late to be shown.

    Raises:
        DataError: when it comes from another clock.
    """
    if time < last.time - _BACK_SECONDS:
        raise DataError(f"its clock jumps back from {last.time:.1f} to {time:.1f} s")
    return time < last.time
