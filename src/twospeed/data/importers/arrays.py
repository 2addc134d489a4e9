"""Frames that lie in arrays: .npz and HDF5 files, and pictures inside Parquet tables."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError, require
from twospeed.core.pictures import decode_picture, fit_frame
from twospeed.data.importers.plan import Say
from twospeed.worlds.base import Frame

DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged .npz or HDF5 file raises."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrayFootage:
    """An array of frames in a .npz or HDF5 file."""

    path: Path
    name: str
    key: str
    """Which array of the file."""

    rate: float
    """Frames per second."""

    def frames_at(self, times: Sequence[float], *, size: int, say: Say) -> Iterator[Frame]:  # noqa: ARG002
        """Yield the frame that is seen at each of `times`; fewer when the array ends before.

        Raises:
            DataError: when the file cannot be read.
        """
        try:
            with open_arrays(self.path) as arrays:
                frames = arrays[self.key]
                frames = frames if hasattr(frames, "file") else np.asarray(frames)
                for time in times:
                    index = round(time * self.rate)
                    if index >= len(frames):
                        return
                    yield fit_frame(as_rgb(frames[index]), size)
        except DAMAGE as error:
            raise DataError(f"cannot be read: {error}") from error


def open_arrays(path: Path) -> Any:
    """Open a .npz or HDF5 file; both map names to arrays and are closed by ``with``.

    Raises:
        DataError, or another of `DAMAGE`: when it is damaged.
    """
    if path.suffix.lower() == ".npz":
        if not zipfile.is_zipfile(path):
            raise DataError("a .npz file is a zip archive, this is none")
        return np.load(path, allow_pickle=False)
    return require("h5py", extra="data").File(path, "r")


def is_frames(shape: Sequence[int], dtype: Any) -> bool:
    """Say whether an array is uint8 pictures: (T, H, W), (T, H, W, 1 or 3) or (T, 3, H, W)."""
    grey = len(shape) == 3 and min(shape[1:]) >= 8
    colour = len(shape) == 4 and (shape[3] in {1, 3} or shape[1] == 3)
    return dtype == np.uint8 and (grey or colour)


def as_rgb(picture: NDArray[np.uint8]) -> Frame:
    """Return (H, W), (H, W, 1), (H, W, 3) or (3, H, W) as (H, W, 3)."""
    if picture.ndim == 3 and picture.shape[2] not in {1, 3}:
        picture = picture.transpose(1, 2, 0)
    picture = picture if picture.ndim == 3 else picture[:, :, None]
    return np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))


@dataclass(frozen=True, kw_only=True, slots=True)
class ParquetFootage:
    """Pictures in a column of a Parquet table: structs of ``bytes``, a frame a row."""

    path: Path
    name: str
    column: str
    first_row: int
    num_rows: int
    rate: float
    """Frames per second."""

    def frames_at(self, times: Sequence[float], *, size: int, say: Say) -> Iterator[Frame]:  # noqa: ARG002
        """Yield the frame that is seen at each of `times`; fewer when the rows end before.

        Raises:
            DataError: when the file or a picture cannot be read.
        """
        parquet = require("pyarrow.parquet", extra="data")
        try:
            table = parquet.read_table(self.path, columns=[self.column])
            rows = table.column(0).slice(self.first_row, self.num_rows)
            for time in times:
                index = round(time * self.rate)
                if index >= len(rows):
                    return
                yield fit_frame(decode_picture(rows[index].as_py()["bytes"]).pixels, size)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"cannot be read: {error}") from error
