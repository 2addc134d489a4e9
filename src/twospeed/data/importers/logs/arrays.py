"""Frames that lie in arrays of .npz and HDF5 files, and what tells them from other arrays."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.core.pictures import MOST_PIXELS, Size, fit_frame
from twospeed.data.importers.logs.stored import Stored, open_arrays
from twospeed.data.importers.plan import Say
from twospeed.worlds.base import Frame

SMALLEST_SIDE = 8
"""Of a picture; what is smaller is codes of cells."""

MOST_CODES = 20
"""Pictures of which all numbers are below this are codes, unless each is of one colour."""

_LOOKS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrayFootage:
    """An array of frames in a .npz or HDF5 file."""

    path: Path
    name: str
    key: str
    """Which array of the file."""

    rate: float
    """Frames per second."""

    def frames_at(self, times: Sequence[float], *, size: Size, say: Say) -> Iterator[Frame]:  # noqa: ARG002
        """Yield the frame that is seen at each of `times`; fewer when the array ends before.

        Raises:
            DataError: when the file cannot be read.
        """
        try:
            with open_arrays(self.path) as arrays:
                frames = arrays[self.key]
                numbers = [int(time * self.rate) for time in times]
                inside = [number for number in numbers if number < frames.shape[0]]
                for frame in frames.rows(inside):
                    yield fit_frame(as_rgb(frame), size)
        except (DataError, KeyError) as error:
            raise DataError(f"cannot be read: {error}") from error


def is_frames(shape: Sequence[int], dtype: Any) -> bool:
    """Say whether an array is uint8 pictures: (T, H, W), (T, H, W, 1 or 3) or (T, 1 or 3, H, W)."""
    sides = shape[1:]
    if len(shape) == 4:
        sides = shape[1:3] if shape[3] in {1, 3} else shape[2:] if shape[1] in {1, 3} else ()
    is_size = len(sides) == 2 and min(sides) >= SMALLEST_SIDE and math.prod(sides) <= MOST_PIXELS
    return is_size and dtype == np.uint8


def are_codes(frames: Stored) -> bool:
    """Say whether what has the size of pictures holds codes, such as kinds of cells, instead.

    Codes are small numbers that differ inside a frame; a few frames of the array are looked at.
    """
    count = frames.shape[0]
    if not count:
        return False
    looks = list(frames.rows(sorted({index * count // _LOOKS for index in range(_LOOKS)})))
    return max(int(look.max()) for look in looks) < MOST_CODES and any(
        look.min() < look.max() for look in looks
    )


def as_rgb(picture: NDArray[np.uint8]) -> Frame:
    """Return (H, W), (H, W, 1), (H, W, 3) or (3, H, W) as (H, W, 3)."""
    if picture.ndim == 3 and picture.shape[2] not in {1, 3}:
        picture = picture.transpose(1, 2, 0)
    picture = picture if picture.ndim == 3 else picture[:, :, None]
    return np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))
