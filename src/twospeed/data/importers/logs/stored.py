"""Arrays in .npz and HDF5 files, read row by row; what a header promises is checked first."""

import math
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from twospeed.core.errors import DataError, require
from twospeed.core.fields import shown
from twospeed.core.untrusted import DEEPEST, parsing

ENDINGS = (".hdf5", ".h5", ".npz")
MOST_BYTES = 2**30
"""Of an array that is read whole, and of one row of any array."""


class Stored(Protocol):
    """An array on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its size."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its type of numbers."""
        ...

    def whole(self) -> NDArray[Any]:
        """Return all of it.

        Raises:
            DataError: when it has more than `MOST_BYTES`, or cannot be read.
        """
        ...

    def rows(self, numbers: Iterable[int]) -> Iterator[NDArray[Any]]:
        """Yield the rows of these numbers, quickest when they rise.

        Raises:
            DataError: when one has more than `MOST_BYTES`, or cannot be read.
        """
        ...


Arrays = Mapping[str, Stored]
"""Path in the file, such as "episode_0/observations/image" -> array."""


@contextmanager
def open_arrays(path: Path) -> Iterator[Arrays]:
    """Open a .npz or HDF5 file.

    Raises:
        DataError: when it is missing, damaged, or holds more than its size allows.
        MissingExtraError: when HDF5 cannot be read, as its package is not installed.
    """
    if path.suffix.lower() != ".npz":
        h5py = require("h5py", extra="data")
        with parsing():
            file = h5py.File(path, "r")
        with file:
            yield _arrays_below(h5py, file)
        return
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise DataError("a .npz file is a zip archive, this is none")
    with parsing():
        archive = zipfile.ZipFile(path)
    with archive:
        yield _arrays_in(archive)


@dataclass(frozen=True, slots=True)
class _Hdf5Array:
    """An array in an HDF5 file."""

    dataset: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def whole(self) -> NDArray[Any]:
        _check_size(self.shape, self.dtype)
        with parsing():
            return np.asarray(self.dataset[()])

    def rows(self, numbers: Iterable[int]) -> Iterator[NDArray[Any]]:
        _check_size(self.shape[1:], self.dtype)
        for number in numbers:
            with parsing():
                row = np.asarray(self.dataset[number])
            yield row


def _arrays_below(h5py: Any, file: Any) -> Arrays:
    """Return every array of a file; links are not followed, so that none leads in a circle."""
    found: dict[str, Stored] = {}

    def visit(name: str | bytes, it: Any) -> None:
        if isinstance(name, bytes):
            raise DataError("the name of an array is no UTF-8")
        if name.count("/") > DEEPEST:
            raise DataError(f"it is nested deeper than {DEEPEST} groups")
        if isinstance(it, h5py.Dataset) and it.shape is not None:
            if it.external or it.is_virtual:
                raise DataError(f"its {shown(name)} lies in other files, which are not followed")
            found[name] = _Hdf5Array(it, it.shape, it.dtype)

    with parsing():
        file.visititems(visit)
    return found


@dataclass(frozen=True, slots=True)
class _NpzArray:
    """An array in an .npz file: a header, then the numbers as they lie in memory."""

    archive: zipfile.ZipFile
    member: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_turned: bool
    """Whether the first axis runs fastest, so that no row lies in one piece."""

    def whole(self) -> NDArray[Any]:
        _check_size(self.shape, self.dtype)
        with parsing(), self.archive.open(self.member) as file:
            return np.asarray(npy.read_array(file, allow_pickle=False))

    def rows(self, numbers: Iterable[int]) -> Iterator[NDArray[Any]]:
        if self.is_turned:
            whole = self.whole()
            yield from (whole[number] for number in numbers)
            return
        _check_size(self.shape[1:], self.dtype)
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        with parsing():
            file = self.archive.open(self.member)
        with file:
            with parsing():
                _header_of(file)
                begin = file.tell()
            for number in numbers:
                with parsing():
                    file.seek(begin + number * size)
                    content = file.read(size)
                if len(content) < size:
                    raise DataError(f"{self.member} ends in row {number}")
                yield np.frombuffer(content, self.dtype).reshape(self.shape[1:])


def _arrays_in(archive: zipfile.ZipFile) -> Arrays:
    found: dict[str, Stored] = {}
    for member in archive.infolist():
        if not member.filename.endswith(".npy"):
            continue
        name = member.filename.removesuffix(".npy")
        with parsing(), archive.open(member) as file:
            shape, is_turned, dtype = _header_of(file)
            size = file.tell() + math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise DataError(f"{name} holds objects instead of numbers or texts")
        if size > member.file_size:
            raise DataError(
                f"{name} should be {dtype} {shape}, but only {member.file_size:,} bytes are there"
            )
        found[name] = _NpzArray(archive, member.filename, shape, dtype, is_turned)
    return found


def _header_of(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of an array: its shape, whether its first axis runs fastest, its type."""
    read = {(1, 0): npy.read_array_header_1_0}.get(npy.read_magic(file), npy.read_array_header_2_0)
    shape, is_turned, dtype = read(file)
    if any(length < 0 for length in shape):
        raise DataError(f"an array cannot have the shape {shape}")
    return shape, bool(is_turned), dtype


def _check_size(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    size = math.prod(shape) * dtype.itemsize
    if size > MOST_BYTES:
        raise DataError(
            f"{dtype} {shape} are {size:,} bytes: more than {MOST_BYTES:,} are not read at once"
        )
