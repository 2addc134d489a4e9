"""What the header of a video says: which picture, when it begins, the shape of its pixels."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from twospeed.core.errors import DataError, require
from twospeed.core.pictures import MOST_PIXELS, TOO_MANY, check_pixels
from twospeed.core.video_pixels import square_size

ENDINGS = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts",
           ".wmv", ".3gp")  # fmt: skip
"""Names that videos have, in small letters."""

_OPTIONS = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,asf",
    "protocol_whitelist": "file",  # a file of a stranger names no others and no addresses
    "max_pixels": str(MOST_PIXELS),
}
_HDR = {16: "PQ", 18: "HLG"}
_USUAL_RATE = 25
_WIDEST = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What is known before a frame is decoded."""

    start: float
    """When the file begins on its own clock, in seconds: with picture or sound, what is first."""

    duration: float | None
    """Seconds from there to the end; None when it is not written down."""

    pixel_aspect: Fraction
    """Width of a pixel when its height is 1."""

    frames_per_second: float
    """The usual rate."""

    notes: tuple[str, ...]
    """What is not as usual, a few words each."""


def open_container(path: Path) -> Any:
    """Open a video file for reading; it is closed by ``with``.

    Raises:
        DataError: when it is missing, empty, no video that is known, or damaged at its header.
    """
    av = require("av", extra="all")
    if not path.is_file():
        raise DataError("it is no file" if path.exists() else "it is missing")
    if path.stat().st_size == 0:
        raise DataError("it is empty")
    try:
        return av.open(f"file:{path.resolve()}", options=_OPTIONS, metadata_errors="replace")
    except (OSError, ValueError, av.FFmpegError) as error:
        raise DataError(f"it is none that we know, or is damaged ({reason_of(error)})") from error


def reason_of(error: Exception) -> str:
    """Return what PyAV or the system says, without the path."""
    return str(getattr(error, "strerror", None) or error)


def picture_of(container: Any) -> Any:
    """Return the stream to show: the default or else the largest one, never cover art.

    Raises:
        DataError: when there is none, none that can be decoded, or it is too large.
    """
    streams = _pictures(container)
    if not streams:
        kinds = "sound only" if container.streams.audio else "no video stream"
        raise DataError(f"it holds {kinds}, no picture")
    stream = max(streams, key=_rank)
    if stream.codec_context is None:
        raise DataError("its codec is not known here: convert it to H.264")
    if not stream.width or not stream.height:
        raise DataError(f"its frames have no size that we read, or {TOO_MANY}")
    check_pixels(*square_size(stream.width, stream.height, pixel_aspect_of(stream)))
    stream.codec_context.thread_count = 1  # imports are parallel over processes already
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    return stream


def pixel_aspect_of(stream: Any) -> Fraction:
    """Return the width of a pixel when its height is 1; 1 where nothing sensible is written."""
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    return aspect if Fraction(1, _WIDEST) <= aspect <= _WIDEST else Fraction(1)


def step_of(stream: Any) -> float:
    """Return how many seconds a frame usually lasts."""
    return 1 / float(stream.average_rate or _USUAL_RATE)


def header_of(container: Any) -> Header:
    """Read the header of an opened video.

    Raises:
        DataError: as `picture_of`.
    """
    stream = picture_of(container)
    duration = container.duration
    return Header(
        start=_start_of(container, stream),
        duration=None if duration is None else duration / 1e6,
        pixel_aspect=pixel_aspect_of(stream),
        frames_per_second=1 / step_of(stream),
        notes=tuple(_notes_of(container, stream)),
    )


def _pictures(container: Any) -> list[Any]:
    return [it for it in container.streams.video if not _has(it, "attached_pic")]


def _has(stream: Any, disposition: str) -> bool:
    return disposition in (stream.disposition.name or "")


def _rank(stream: Any) -> tuple[bool, bool, int]:
    codec = stream.codec_context
    area = codec.width * codec.height if codec else 0
    return codec is not None, _has(stream, "default"), area


def _start_of(container: Any, stream: Any) -> float:
    """Return when picture and sound begin; sound before 0 only fills its decoder."""
    own = _begin(stream)
    begin = max(min([own, *map(_begin, container.streams.audio)]), min(own, 0.0))
    late = container.format.name == "avi" and stream.codec_context.has_b_frames
    return begin + (step_of(stream) if late else 0.0)  # .avi stamps when they leave the decoder


def _begin(stream: Any) -> float:
    return float((stream.start_time or 0) * stream.time_base)


def _notes_of(container: Any, stream: Any) -> Iterator[str]:
    codec = stream.codec_context
    count = len(_pictures(container))
    if count > 1:
        yield f"it holds {count} pictures; the one of {codec.width}x{codec.height} is taken"
    bits = max(part.bits for part in codec.format.components) if codec.format else 8
    high = _HDR.get(codec.color_trc)
    if high:
        yield f"HDR ({high}, {bits} bits), brought to 8 bits: paler than it is shown"
    elif bits > 8:
        yield f"{bits} bits a channel, brought to 8"
