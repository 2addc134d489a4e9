"""Read the pickles in which CIFAR is handed round, without letting a pickle run anything.

What a pickle asks for is made by stand-ins: no array is made before its bytes are there, and no
name of numpy or of another module is called.
"""

import io
import pickle
import pickletools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.core.untrusted import parsing

MOST_STEPS = 4_000_000
"""Of a pickle; CIFAR-100 has some 250,000."""

MOST_BYTES = 2**31
"""Of a file; CIFAR-100 has 155 million."""

MOST_SHARED = 16
"""Uses of tuples that are there already: one within another takes twice as long to hash."""

_TUPLES = {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "FROZENSET"}
_REMEMBER = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
_RECALL = {"GET", "BINGET", "LONG_BINGET"}
_NUMBERS = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {"f4", "f8", "b1"}


class _Dtype:
    """A dtype of numbers."""

    def __init__(self, name: str | bytes, *_: object) -> None:
        text = name.decode() if isinstance(name, bytes) else str(name)
        if text.lstrip("<>|=") not in _NUMBERS:
            raise pickle.UnpicklingError(f"it holds an array of {text[:20]!r}")
        self.value = np.dtype(text)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order: Any = state[1].decode() if isinstance(state[1], bytes) else state[1]
        self.value = self.value.newbyteorder(order)


class _Array:
    """An array whose bytes come later."""

    def __init__(self, *_: object) -> None:
        self.value: NDArray[np.generic] = np.zeros(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, by_columns, content = state
        if isinstance(content, str):
            content = content.encode("latin1")
        self.value = _view(content, dtype, shape, "F" if by_columns else "C")


def _view(content: Any, dtype: _Dtype, shape: tuple[int, ...], order: Any) -> NDArray[np.generic]:
    return np.frombuffer(content, dtype.value).reshape(shape, order=order)


def _array_from(content: Any, dtype: _Dtype, shape: tuple[int, ...], order: Any) -> _Array:
    array = _Array()
    array.value = _view(content, dtype, shape, order)
    return array


def _encoded(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding[:20]!r}")
    return text.encode("latin1")


STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.numeric", "_frombuffer"): _array_from,
    ("numpy._core.numeric", "_frombuffer"): _array_from,
    ("_codecs", "encode"): _encoded,
}
"""What a pickled array asks for; every other name in a pickle is refused."""


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return STAND_INS[module, name]


def read_pickled(path: Path) -> Mapping[str, object]:
    """Read a pickled dictionary of arrays, lists and texts.

    Raises:
        DataError: when the file is missing, damaged, holds anything else or asks for code.
    """
    with parsing(f"{path} as a pickled batch"):
        if not path.is_file():  # a pipe would never end
            raise DataError(f"cannot read {path}: there is no such file")
        if path.stat().st_size > MOST_BYTES:
            raise pickle.UnpicklingError(f"it has more than {MOST_BYTES / 2**30:.0f} GiB")
        content = path.read_bytes()
        _check_steps(content)
        values = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    if not isinstance(values, dict):
        raise DataError(f"{path} should hold a dictionary, but holds a {type(values).__name__}")
    return {
        key.decode(errors="replace") if isinstance(key, bytes) else str(key): (
            value.value if isinstance(value, _Array) else value
        )
        for key, value in values.items()
    }


def _check_steps(content: bytes) -> None:
    """Refuse a pickle whose few bytes would take endless time or memory to load."""
    tuples: set[object] = set()
    made_tuple, numbers, shared = False, 0, 0
    for step, (opcode, number, _) in enumerate(pickletools.genops(content)):
        if step >= MOST_STEPS:
            raise pickle.UnpicklingError(f"it has more than {MOST_STEPS:,} steps")
        if opcode.name in _REMEMBER:
            number = numbers if opcode.name == "MEMOIZE" else int(str(number))
            if number > step:
                raise pickle.UnpicklingError(f"it remembers more than {step:,} things")
            numbers += 1
            if made_tuple:
                tuples.add(number)
        shared += opcode.name == "DUP" or (opcode.name in _RECALL and number in tuples)
        if shared > MOST_SHARED:
            raise pickle.UnpicklingError("it puts the same tuples into one another again and again")
        made_tuple = opcode.name in _TUPLES
