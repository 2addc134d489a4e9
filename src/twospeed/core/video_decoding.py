"""Decoded frames of a video in the order of time, and what of them is damaged.

From a fault until the next key frame all frames count as damaged: decoders flag the first one and
paint over the rest. What HEVC, VP9 or AV1 decode without noticing stays unseen.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from twospeed.core.errors import DataError, require
from twospeed.core.video_header import step_of

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


@dataclass(kw_only=True, slots=True)
class Decoding:
    """One pass over an opened video that sees what is damaged."""

    container: Any
    """Of PyAV, where reading is to begin."""

    stream: Any
    """The one to show."""

    origin: float
    """When the file begins on its own clock."""

    faults: list[float] = field(default_factory=list)
    """When something was wrong, as far as it may still matter."""

    def moments(self, *, jumped: bool) -> Iterator[Moment]:
        """Yield whole frames, and a moment without one where damage begins.

        Args:
            jumped: whether this begins somewhere in the middle, where all before the first key
                frame is passed over.

        Raises:
            DataError: when the clock of the frames jumps back.
        """
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
