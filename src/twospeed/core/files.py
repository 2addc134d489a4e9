"""Files that are whole or not there: written aside, flushed, renamed.

A file takes the place of a file alone; folders that are replaced as a whole: folders.py. Callers
hand in texts or paths (`StrPath`).
"""

import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias, cast

from safetensors import SafetensorError

from twospeed.core.errors import ConfigError, DataError, KindError, kind_of
from twospeed.core.fields import shown
from twospeed.core.untrusted import parse_json

StrPath: TypeAlias = str | os.PathLike[str]
"""A place on disk."""

_LONGEST_STEM = 200
_LEFT_BEHIND = re.compile(r"\..+\.\d+\.part(\..*)?")


def as_path(value: StrPath, name: str = "path") -> Path:
    """Return a place as a `Path`.

    Raises:
        KindError: when it is neither a text nor a path.
        ConfigError: when it is empty, or nothing that a file can be called.
    """
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes):
        raise KindError(f"{name} is a text or a Path, got {kind_of(value)}")
    if not os.fspath(value):
        raise ConfigError(f"{name} is empty: name a place")
    try:
        fits = b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise ConfigError(f"{name}: no file can be called {shown(os.fspath(value))}")
    return Path(value)


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a temporary path beside the file `path`; rename it there when the block ends well.

    When the block fails, nothing is left behind and what was there stays. Who may read it is what
    the user's umask says, whatever wrote it.

    Raises:
        DataError: when the disk is full or `check_file` refuses the place.
    """
    check_file(path)
    place = path.resolve()
    aside = aside_of(place)
    with writing(path):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            aside.touch()
            allowed = aside.stat().st_mode
            aside.unlink()
            yield aside
            open_to(allowed, aside)
            aside.replace(place)
        finally:
            with suppress(OSError):
                aside.unlink(missing_ok=True)


def open_to(allowed: int, path: Path) -> None:
    """Let those read and write a file whom the mode `allowed` lets: safetensors keeps out all."""
    path.chmod(stat.S_IMODE(path.stat().st_mode | allowed & 0o666))


def remove_file(path: Path) -> None:
    """Remove an ordinary file, when it is there.

    Raises:
        DataError: when something else stands there, or it cannot be removed.
    """
    check_file(path)
    with writing(path, "remove"):
        path.unlink(missing_ok=True)


def check_file(path: Path) -> None:
    """Refuse a place where no file can be written, before any work is done for it.

    Raises:
        DataError: when it is a folder or no ordinary file, or `check_parents` refuses it.
    """
    check_parents(path)
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a file")
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no ordinary file: name another")


def check_parents(path: Path) -> None:
    """Refuse a place that cannot be there.

    Raises:
        DataError: when its name is too long or it lies below a file or a folder that is closed.
    """
    if "\0" in str(path):
        raise DataError("a name cannot hold the byte 0")
    with writing(path):
        path.exists()  # an OSError for a name that no system takes
        place = path.absolute()
        nearest = next((it for it in place.parents if it.exists()), place)
        if not nearest.is_dir():
            raise DataError(f"cannot write {path}: {nearest} is a file")
        check_open(nearest, path)


def check_open(folder: Path, path: Path) -> None:
    """Refuse a folder that takes no file, by making one in it for a moment; `path` is named.

    Raises:
        DataError: when it takes none, as on a disk that can only be read.
    """
    try:
        with tempfile.TemporaryFile(dir=folder, prefix="."):
            pass
    except OSError as error:
        raise DataError(f"cannot write {path}: {folder} is closed to you") from error


@contextmanager
def writing(path: Path, act: str = "write") -> Iterator[None]:
    """Turn whatever the system says inside the block into one line: cannot write, or read, `path`.

    Raises:
        DataError: when something cannot be written.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise DataError(f"cannot {act} {path}: {reason or error}") from error


def aside_of(place: Path) -> Path:
    """Return the temporary path of this process beside a place; its ending is the same."""
    return hidden_beside(place, place.stem, f"{os.getpid()}.part{place.suffix[:16]}")


def hidden_beside(place: Path, stem: str, ending: str) -> Path:
    """Return ``.STEM.ENDING`` beside a place; a stem that leaves no room for it is shortened."""
    if len(stem.encode()) > _LONGEST_STEM:
        stem = hashlib.sha256(stem.encode()).hexdigest()[:16]
    return place.with_name(f".{stem}.{ending}")


def sweep(folder: Path) -> None:
    """Remove what killed runs left half-written in a folder of ours that no other writes to."""
    for path in filter(is_left_behind, folder.glob(".*.part*")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def is_left_behind(path: Path) -> bool:
    """Return whether a path is named as `aside_of` names them."""
    return _LEFT_BEHIND.fullmatch(path.name) is not None


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
        if not path.is_file():  # a pipe would never end
            raise DataError(f"cannot read {path} as JSON: there is no such file")
        values = parse_json(path.read_bytes(), str(path))
    except OSError as error:
        raise DataError(f"cannot read {path} as JSON: {error.strerror}") from error
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
