"""Read the pickles in which CIFAR is handed round, without letting a pickle run anything."""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twospeed.core.errors import DataError

ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
    ("_codecs", "encode"),
}
"""What a pickled array needs; every other name in a pickle is refused."""


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_pickled(path: Path) -> Mapping[str, object]:
    """Read a pickled dictionary of arrays, lists and texts.

    Raises:
        DataError: when the file is missing, damaged, holds anything else or asks for code.
    """
    try:
        content = _ArraysOnly(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    except (OSError, pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"cannot read {path} as a pickled batch: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} should hold a dictionary, but holds a {type(content).__name__}")
    return {key.decode() if isinstance(key, bytes) else str(key): v for key, v in content.items()}
