"""One process at a time: locks that end with the process that holds them, also when it is killed.

Holds: `held`, of a folder in which work goes on; `held_beside`, of what is replaced as a whole.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from twospeed.core.errors import DataError
from twospeed.core.files import check_parents, hidden_beside, writing


@contextmanager
def held(folder: Path, act: str = "write into") -> Iterator[None]:
    """Hold a folder, which is made if it is not there; one that stays empty is taken away again.

    Args:
        folder: in which work goes on.
        act: what is done there, for the message.

    Raises:
        DataError: when it cannot be made, or another process holds it.
    """
    with writing(folder, act):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(handle, folder, folder)
        try:
            yield
        finally:
            with suppress(OSError):  # work is in it
                folder.rmdir()
    finally:
        os.close(handle)


@contextmanager
def held_beside(path: Path) -> Iterator[None]:
    """Hold a place where a file or a folder is replaced as a whole, by a hidden file beside it.

    Raises:
        DataError: when nothing can be written there, or another process holds it.
    """
    check_parents(path)
    place = path.resolve()
    with writing(path):
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = hidden_beside(place, place.name, "lock")
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(handle, lock, path)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _lock(handle: int, place: Path, path: Path) -> None:
    """Lock the handle of a file or folder `place`, for `path`."""
    busy = f"another process is recording, training or writing at {path}"
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DataError(f"{busy}: wait for its end, or name another place") from error
    if not _is_still(handle, place):  # who held it before has just taken it away
        raise DataError(f"{busy}: try again")


def _is_still(handle: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), place.stat())
    except FileNotFoundError:
        return False
