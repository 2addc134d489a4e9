"""Videos on disk as whole arrays: frames are uint8 (T, H, W, 3), sRGB, 0 to 255.

PyAV is imported when a video is read or written, so that training runs on machines without it.
"""

import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from twospeed.core.arguments import FramesLike, as_first_frame, as_frames
from twospeed.core.errors import DataError, require
from twospeed.core.fields import checked
from twospeed.core.files import StrPath, as_path, written_aside
from twospeed.core.pictures import Frame, Picture, Size, read_picture
from twospeed.core.ranges import FramesPerSecond, is_same_rate
from twospeed.core.video_decoding import Moment
from twospeed.core.video_header import ENDINGS
from twospeed.core.video_reading import Video, open_video

Frames = NDArray[np.uint8]
"""(T, H, W, 3), sRGB, 0 to 255."""

_log = logging.getLogger(__name__)

MOST_BYTES = 4 * 2**30
"""What the frames of a video may fill that is read whole."""

_FROM_THE_END = (2.0, 30.0, math.inf)
_CODECS = {".mp4": ("libx264", "yuv420p", {"crf": "12", "preset": "veryfast"}),
           ".mkv": ("ffv1", "bgr0", {})}  # fmt: skip


def write_video(path: StrPath, frames_THWC: FramesLike, *, frames_per_second: float) -> None:
    """Write frames as H.264 (.mp4, for people) or lossless FFV1 (.mkv, for training).

    Raises:
        KindError, ShapeError: when they are no frames (T, H, W, 3).
        ConfigError: when the rate is not above 0, up to 1,000.
        DataError: for another ending, or a disk that does not take it.
    """
    path, frames = as_path(path), as_frames(frames_THWC, "THWC")
    check_ending(path)
    rate: float = checked(frames_per_second, FramesPerSecond, "frames_per_second")
    with written_aside(path) as aside:
        _encode(aside, frames, rate)


def check_ending(path: Path) -> None:
    """Refuse a name that no video can have, before any work is done for it.

    Raises:
        DataError: when it ends in neither .mp4 nor .mkv.
    """
    if path.suffix not in _CODECS:
        raise DataError(f"{path.name}: a video ends in .mp4 or .mkv")


def _encode(path: Path, frames_THWC: Frames, frames_per_second: float) -> None:
    av = require("av", extra="all")
    codec, pixel_format, options = _CODECS[path.suffix]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=_rate_of(frames_per_second), options=options)
        stream.height, stream.width = frames_THWC.shape[1:3]
        stream.pix_fmt = pixel_format
        for frame in frames_THWC:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _rate_of(frames_per_second: float) -> Fraction:
    """Return the nearest rate that a container can tell."""
    return max(Fraction(frames_per_second).limit_denominator(1000), Fraction(1, 1000))


def read_video(path: StrPath) -> Frames:
    """Read every frame of a video as it is shown.

    Raises:
        DataError: when the file is missing, no video, damaged, or fills over `MOST_BYTES`.
    """
    path = as_path(path)
    with _named(path):
        video = open_video(path)
        return _stacked(video, video.moments())


def read_video_at(
    path: StrPath, frames_per_second: float, *, say: Callable[[str], None] = lambda _: None
) -> Frames:
    """Read the frames of a video that are shown at another rate, by their times.

    Args:
        path: the video.
        frames_per_second: the rate at which frames are taken.
        say: gets a line when the video has another rate.

    Raises:
        DataError: as `read_video`.
    """
    path = as_path(path)
    with _named(path):
        video = open_video(path)
        rate = video.header.frames_per_second
        frames = _stacked(video, video.moments_at(frames_per_second))
    if not is_same_rate(rate, frames_per_second):
        say(f"{path.name}: {rate:g} frames a second, taken at the model's {frames_per_second:g}")
    return frames


def _stacked(video: Video, moments: Iterable[Moment]) -> Frames:
    """Return the frames of all moments, of which there is one at least and none is damaged."""
    frames, room = [], MOST_BYTES
    for moment in moments:
        if moment.frame is None:
            raise DataError(f"it is damaged at {moment.time:.2f} s")
        frames.append(video.pixels(moment))
        room -= frames[-1].nbytes
        if room < 0:
            raise DataError(f"its frames fill over {MOST_BYTES / 2**30:.0f} GiB")
    if not frames:
        raise DataError("it holds no frame")
    return np.stack(frames)


def read_frame(path: StrPath, *, say: Callable[[str], None] | None = None) -> Frame:
    """Read a picture, or the last frame of a video, as it is shown.

    Args:
        path: any picture or video.
        say: gets a line about each thing that is not as usual.

    Raises:
        DataError: when the file is neither, or too large.
    """
    path = as_path(path)
    picture = _read_either(path)
    if say is not None:
        for note in picture.notes:
            say(f"{path.name}: {note}")
    return picture.pixels


def first_frame_of(value: "FramesLike | StrPath", size: Size) -> Frame:
    """Return the frame (H, W, 3) that an episode begins with, given or read from a file.

    Args:
        value: a frame in any form, or the place of a picture or a video, whose last frame it is.
        size: that it should have; the middle is cut out, with a warning in the log.

    Raises:
        KindError, ShapeError, ConfigError: as `as_first_frame`.
        DataError: when the file cannot be read.
    """
    if isinstance(value, str | os.PathLike):
        return as_first_frame(Image.fromarray(read_frame(value, say=_log.warning)), size)
    return as_first_frame(value, size)


def _read_either(path: Path) -> Picture:
    if path.suffix.lower() not in ENDINGS:
        return read_picture(path)
    with _named(path):
        return _last_frame(open_video(path))


def _last_frame(video: Video) -> Picture:
    """Return the last whole frame, decoding no more than the end of the video."""
    for seconds in _FROM_THE_END:
        start = max((video.header.duration or 0.0) - seconds, 0.0)
        last, fault = None, ""
        try:
            for moment in video.moments(start=start):
                last, fault = (moment, "") if moment.frame else (last, "it is damaged")
        except DataError as error:
            fault = str(error)
        if last is not None:
            notes = (f"{fault} after {last.time:.2f} s; the frame there is taken",) if fault else ()
            return Picture(
                pixels=video.pixels(last), is_grey=False, notes=(*video.header.notes, *notes)
            )
    raise DataError(fault or "it holds no frame")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say which file an error is about."""
    try:
        yield
    except DataError as error:
        raise DataError(f"cannot read {path} as a video: {error}") from error
