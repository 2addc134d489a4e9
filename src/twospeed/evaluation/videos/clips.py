"""A clip as frames: a video, an animation, an npz archive, a folder of pictures.

Holds not: where clips lie (finding.py), which go together (pairing.py).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core import pictures
from twospeed.core.arguments import as_frames
from twospeed.core.errors import DataError, ShapeError, TwospeedError
from twospeed.core.npz import read_arrays
from twospeed.core.video import Frames, read_video
from twospeed.core.video_reading import open_video
from twospeed.evaluation.videos import animations
from twospeed.evaluation.videos.finding import NPZ, pictures_in

LEAST_FRAMES = 2
_GIF, _GIF_CLOCK = ".gif", 0.01


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Clip:
    """A video as it was read."""

    path: Path
    frames: Frames
    """(T, H, W, 3), two frames or more."""

    frames_per_second: float | None
    """None where the file does not tell."""

    clock: float = 0.0
    """Seconds to which the file rounds how long a frame lasts."""

    notes: tuple[str, ...] = ()
    """What is not as usual, a few words each."""


def read_clip(path: Path) -> Clip:
    """Read a clip.

    Raises:
        DataError: when it cannot be read, or is no video of two frames or more.
    """
    try:
        clip = _read(path)
    except DataError:
        raise
    except TwospeedError as error:
        raise DataError(f"cannot read {path} as a video: {error}") from error
    if len(clip.frames) < LEAST_FRAMES:
        raise DataError(f"{path} has one frame: a video has {LEAST_FRAMES} or more")
    return clip


def _read(path: Path) -> Clip:
    ending = path.suffix.lower()
    if path.is_dir():
        return Clip(path=path, frames=_read_pictures(path), frames_per_second=None)
    if ending == NPZ:
        return Clip(path=path, frames=_read_npz(path), frames_per_second=None)
    if ending in animations.ENDINGS:
        frames, rate = animations.read_animation(path)
        clock = _GIF_CLOCK if ending == _GIF else 0.0
        return Clip(path=path, frames=frames, frames_per_second=rate, clock=clock)
    frames, header = read_video(path), open_video(path).header
    return Clip(
        path=path,
        frames=frames,
        frames_per_second=header.frames_per_second,
        notes=header.notes,
    )


def _counted(path: Path) -> list[tuple[int, str]]:
    """Return a name with its numbers as numbers, so that 10 comes after 9."""
    parts = re.findall(r"\d+|\D+", path.stem)
    return [(int(it), "") if it.isdecimal() else (-1, it) for it in parts]


def _read_pictures(folder: Path) -> Frames:
    paths = sorted(pictures_in(folder), key=_counted)
    frames = [pictures.read_picture(path).pixels for path in paths]
    if len({frame.shape for frame in frames}) > 1:
        raise DataError(f"{folder} has pictures of several sizes")
    return np.stack(frames)


def _read_npz(path: Path) -> Frames:
    arrays = read_arrays(path)
    fitting = list(_videos_in(arrays))
    if len(fitting) != 1:
        what = "several arrays" if fitting else "no array"
        raise ShapeError(f"{what} of (T, H, W, 3): name one of them frames")
    return as_frames(_of_8_bits(fitting[0]), "THWC")


def _videos_in(arrays: dict[str, NDArray[np.generic]]) -> Iterator[NDArray[np.generic]]:
    if "frames" in arrays:
        yield arrays["frames"]
        return
    yield from (it for it in arrays.values() if it.ndim == 4 and it.shape[-1] == 3)


def _of_8_bits(values: NDArray[Any]) -> NDArray[Any]:
    """Bring numbers with a point, 0 to 1, to 0 to 255."""
    if values.dtype.kind != "f":
        return values
    numbers = values.astype(np.float64)
    if not (np.isfinite(numbers).all() and numbers.min() >= 0 and numbers.max() <= 1):
        raise DataError("numbers with a point are from 0 to 1")
    return np.rint(255 * numbers).astype(np.uint8)
