"""Read npz archives of plain arrays, whoever wrote them."""

import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from twospeed.core.capacity import check_fits
from twospeed.core.errors import DataError
from twospeed.core.untrusted import parsing

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Read every array of an npz file.

    Raises:
        DataError: when the file is missing, no npz archive, or damaged.
        ConfigError: when this machine's memory cannot hold the arrays.
    """
    if not path.is_file():  # a pipe would never end
        raise DataError(f"cannot read {path}: there is no such file")
    try:
        with parsing():
            num_bytes = _bytes_of(path)
        check_fits(num_bytes, f"what {path} holds")
        with parsing(), np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except DataError as error:
        raise DataError(f"{path} is no npz archive of plain arrays, or damaged: {error}") from error


def _bytes_of(path: Path) -> int:
    """Return what all arrays take; each header says no more than the archive holds."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                _check_header(file, member)
        return sum(member.file_size for member in archive.infolist())


def _check_header(file: IO[bytes], member: zipfile.ZipInfo) -> None:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise DataError(f"{member.filename} is of a version that plain arrays do not need")
    shape, _, dtype = _HEADERS[version](file)
    said, there = math.prod(shape) * dtype.itemsize, member.file_size - file.tell()
    if min(shape, default=0) < 0 or said != there:
        raise DataError(f"{member.filename} says {said:,} bytes, but holds {there:,}")
