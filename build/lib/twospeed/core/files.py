"""Files that are whole or not there: written aside, flushed, renamed."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError

from twospeed.core.errors import DataError


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it there when the block ends well.

    Works for a file and for a folder. When the block fails, nothing is left behind. A folder that
    is there already is moved out of the way first; `recover` puts it back after a kill between.

    Raises:
        DataError: when the disk is full or the place cannot be written.
    """
    aside = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        recover(path)
        yield aside
        if aside.is_dir() and path.is_dir():
            path.replace(_old(path))
        aside.replace(path)
        shutil.rmtree(_old(path), ignore_errors=True)
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise DataError(f"cannot write {path}: {reason or error}") from error
    finally:
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            with suppress(OSError):
                aside.unlink(missing_ok=True)


def recover(path: Path) -> None:
    """Put back the folder `path` if a kill came just before its new version got the name."""
    if _old(path).is_dir():
        if path.exists():
            shutil.rmtree(_old(path), ignore_errors=True)
        else:
            _old(path).replace(path)


def _old(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def sweep(folder: Path) -> None:
    """Remove what killed runs left half-written in a folder that no other process writes to."""
    for path in folder.glob(".*.part*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def write_json(path: Path, values: Any) -> None:
    """Write `values` as JSON with sorted keys and a newline at the end."""
    with written_aside(path) as aside:
        aside.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: when the file is missing or is not a JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"cannot read {path} as JSON: {error}") from error
    if not isinstance(values, dict):
        raise DataError(f"{path} should hold a JSON object, but holds a {type(values).__name__}")
    return cast(dict[str, Any], values)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
