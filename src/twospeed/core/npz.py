"""Read npz archives of plain arrays."""

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError


def read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Read every array of an npz file.

    Raises:
        DataError: when the file is missing, no npz archive, or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is no npz archive of plain arrays, or damaged") from error
