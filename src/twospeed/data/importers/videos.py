"""Frames of video files at given times, whatever their rate, size or orientation."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from twospeed.core.errors import DataError
from twospeed.core.pictures import Frame, Size, fit_frame
from twospeed.core.video_decoding import Moment
from twospeed.core.video_reading import LONG_SECONDS, TOLERANCE_SECONDS, Video, open_video
from twospeed.data.importers.plan import Say

_STEADY = 1.3
_FROZEN, _FROZEN_SECONDS = 5.0, 0.5
_LATE_SECONDS, _MISSING_SECONDS = 0.1, 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoFootage:
    """A video file."""

    path: Path
    name: str
    rate: float | None = None
    """Frames per second that it should have; None when nobody says."""

    def frames_at(self, times: Sequence[float], *, size: Size, say: Say) -> Iterator[Frame | None]:
        """Yield the frame that is seen at each of `times`, which may go back between takes.

        None stands where the video is damaged; fewer are yielded when it ends before.

        Raises:
            DataError: when the file is no video, holds no picture, or cannot be read on.
        """
        if not self.path.is_file():
            raise DataError("is missing")
        watch = _Watch(say=say, rate=self.rate)
        try:
            video = open_video(self.path)
            for note in video.header.notes:
                watch.once(note, note)
            for run in _runs(times):
                number = 0
                for moment in _shown_at(video.moments(start=run[0]), run, watch):
                    yield _fitted(video, moment, size, watch)
                    number += 1
                if number < len(run):
                    return
        except DataError as error:
            raise DataError(f"cannot be read as a video: {error}") from error


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

    def before(self, first: Moment, *, wanted: float) -> Moment:
        """Return what stands before the first moment: itself for a little while, then nothing."""
        if first.time - wanted > _MISSING_SECONDS:
            return Moment(time=wanted, lasts=math.inf)
        if first.time - wanted > _LATE_SECONDS:
            line = f"its picture begins at {first.time:.2f} s"
            self.once("late", f"{line}; the first frame stands for what is before")
        return first

    def see(self, before: float, now: float) -> None:
        """Note the times of two frames that follow one another."""
        step = now - before
        if step <= 0:
            return
        if step > max(_FROZEN * (self.usual or step), _FROZEN_SECONDS):
            self.once("frozen", f"it shows one frame from {before:.1f} to {now:.1f} s")
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


def _runs(times: Sequence[float]) -> list[list[float]]:
    """Cut times where they go back, or where a gap is worth a jump."""
    gaps = [later - time for time, later in pairwise(times)]
    cuts = [index for index, gap in enumerate(gaps, start=1) if not 0 <= gap <= LONG_SECONDS]
    edges = [0, *cuts, len(times)]
    return [list(times[start:stop]) for start, stop in pairwise(edges) if stop > start]


def _shown_at(moments: Iterator[Moment], times: Sequence[float], watch: _Watch) -> Iterator[Moment]:
    """Yield the moment that is on the screen at each time."""
    waiting = list(reversed(times))
    shown: Moment | None = None
    for moment in moments:
        shown = shown or watch.before(moment, wanted=times[0])
        while waiting and waiting[-1] < moment.time - TOLERANCE_SECONDS:
            waiting.pop()
            yield shown
        if shown.frame and moment.frame:
            watch.see(shown.time, moment.time)
        if not waiting:
            return
        shown = moment
    until = -1.0 if shown is None else shown.time + shown.lasts + TOLERANCE_SECONDS
    while waiting and shown is not None and waiting[-1] <= until:
        waiting.pop()
        yield shown


def _fitted(video: Video, moment: Moment, size: Size, watch: _Watch) -> Frame | None:
    if moment.frame is None:
        return None
    pixels = video.pixels(moment)
    height, width = pixels.shape[:2]
    if height > width:
        watch.once("portrait", f"portrait, {width}x{height}; the middle square is taken")
    return fit_frame(pixels, size)
