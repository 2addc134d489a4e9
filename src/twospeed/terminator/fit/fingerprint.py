"""Which examples a fit was made on, so that no folder mixes two data sets."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twospeed.core.errors import DataError
from twospeed.core.files import read_json, write_json
from twospeed.core.untrusted import typed
from twospeed.terminator.datasets.examples import Examples, ExampleSet

FILE = "data.json"


def fingerprint(data: ExampleSet) -> dict[str, Any]:
    """Return name, classes, and size, shape and checksum of both parts, as JSON values."""
    parts = {"train": data.train, "test": data.test}
    return {
        "name": data.name,
        "classes": len(data.classes),
        **{name: _of_part(part) for name, part in parts.items()},
    }


def _of_part(part: Examples) -> dict[str, Any]:
    checksum = 0
    for tensor in (part.images, part.labels):
        checksum = zlib.crc32(tensor.contiguous().numpy().data, checksum)
    return {"shape": list(part.images.shape), "crc32": checksum}


def check_data(out: Path, data: ExampleSet) -> None:
    """Refuse data other than those of the fit in `out`; folders without a record pass.

    Raises:
        DataError: when the fit in `out` was made on other examples.
    """
    if not (out / FILE).is_file():
        return
    known, here = read_json(out / FILE), fingerprint(data)
    if known != here:
        where = str(out / FILE)
        said, ours = (_said(typed(_Known, values, where)) for values in (known, here))
        raise DataError(f"{out} holds a fit on {said}, but the data are {ours}")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """What is known of the examples of one part."""

    shape: tuple[int, ...]
    crc32: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """What the file says."""

    name: str
    classes: int
    train: _Part
    test: _Part


def _said(known: _Known) -> str:
    count, *shape = known.train.shape or (0,)
    size = " x ".join(map(str, shape))
    return f"{known.name} ({count} training pictures of {size})"


def record_data(out: Path, data: ExampleSet) -> None:
    """Write the fingerprint of the data into the folder of a fit."""
    write_json(out / FILE, fingerprint(data))
