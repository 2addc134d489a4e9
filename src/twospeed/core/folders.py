"""Folders of ours: replaced as a whole, or written into, only when what stands there is ours.

Holds: `FolderKind` and what it guards. Holds not: any kind; each stands beside what writes it.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import Any

from twospeed.core.errors import DataError
from twospeed.core.files import (
    aside_of,
    check_open,
    check_parents,
    hidden_beside,
    is_left_behind,
    open_to,
    read_json,
    writing,
)

_OLD = "twospeed-old"


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderKind:
    """What we write as a folder of one kind, so that nothing else is ever taken for it."""

    name: str
    """Such as "a memory"."""

    files: tuple[str, ...]
    """Every file that it may hold: paths below it, with * inside a name."""

    sign: Callable[[Path], bool]
    """Whether a folder says that we wrote it; any `DataError` counts as no."""

    def is_signed(self, folder: Path) -> bool:
        """Return whether the folder says that it is of this kind."""
        try:
            return self.sign(folder)
        except DataError:
            return False

    def strangers(self, folder: Path) -> list[str]:
        """Return what in a folder no folder of this kind holds, as paths below it."""
        found = ((path.relative_to(folder), path) for path in sorted(folder.rglob("*")))
        return [str(name) for name, path in found if not self._is_known(name, path)]

    def _is_known(self, name: PurePath, path: Path) -> bool:
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            return False
        known = (PurePath(file).parts for file in self.files)
        depth = len(name.parts)
        return any(
            (len(parts) > depth if path.is_dir() else len(parts) == depth)
            and all(map(fnmatchcase, name.parts, parts))
            for parts in known
        )


@contextmanager
def folder_aside(path: Path, kind: FolderKind) -> Iterator[Path]:
    """Give a new folder beside `path`; it gets that name when the block ends well.

    When the block fails, nothing is left behind. A folder of this kind that is there already is
    moved out of the way first; `recover` puts it back after a kill between.

    Raises:
        DataError: when the disk is full or `check_folder` refuses the place.
    """
    check_folder(path, kind)
    place = path.resolve()
    aside = aside_of(place)
    with writing(path):
        recover(place, kind)
        aside.mkdir(parents=True)
        try:
            yield aside
            allowed = aside.stat().st_mode
            for file in (it for it in aside.rglob("*") if it.is_file() and not it.is_symlink()):
                open_to(allowed, file)
            _put(aside, place, kind)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _put(aside: Path, place: Path, kind: FolderKind) -> None:
    old = hidden_beside(place, place.name, _OLD)
    remove(old, kind)
    if old.exists():
        raise DataError(f"{old} is in the way: move it to another place")
    if place.exists():
        check_folder(place, kind)
        place.replace(old)
    aside.replace(place)
    remove(old, kind)


def check_place(path: Path) -> None:
    """Refuse a place where no folder can be.

    Raises:
        DataError: when a file stands there, or `check_parents` refuses it.
    """
    check_parents(path)
    if path.exists() and not path.is_dir():
        raise DataError(f"{path} is a file: name a folder")
    if path.exists():
        check_open(path, path)


def check_folder(path: Path, kind: FolderKind) -> None:
    """Refuse a place where no folder of this kind can be written, before any work is done for it.

    Raises:
        DataError: when a file stands there, a folder that holds anything but what we write for
            this kind, or the folder that the process runs in; or `check_place` refuses it.
    """
    check_place(path)
    with writing(path):
        place = path.resolve()
        if place in (Path.cwd(), *Path.cwd().parents):
            raise DataError(f"{path} is the folder you are in: name one below it")
        if not place.exists() or not any(place.iterdir()):
            return
        strangers = kind.strangers(place)
    if strangers:
        raise DataError(
            f"{path} holds {strangers[0]}, which is no part of {kind.name}; nothing was touched:"
            " name another folder"
        )
    if not kind.is_signed(place):
        raise DataError(f"{path} is not {kind.name}; nothing was touched: name another folder")


def recover(path: Path, kind: FolderKind) -> None:
    """Put back the folder `path` if a kill came just before its new version got the name."""
    with writing(path, "read"):
        place = path.resolve()
        for ending in (_OLD, "old"):  # the second one by earlier versions
            old = hidden_beside(place, place.name, ending) if place.name else place
            if not place.exists() and old.is_dir() and kind.is_signed(old):
                old.replace(place)


def remove(folder: Path, kind: FolderKind) -> None:
    """Remove a folder if nothing is in it but what we write for this kind."""
    if folder.is_dir() and not kind.strangers(folder):
        shutil.rmtree(folder, ignore_errors=True)


def check_shared(path: Path, kind: FolderKind) -> None:
    """Refuse a folder in which files of the names that we write are not ours; others may be there.

    Raises:
        DataError: when it holds such a file and is not signed, or `check_place` refuses it.
    """
    check_place(path)
    taken = [file for pattern in kind.files for file in path.glob(pattern)]
    if taken and not kind.is_signed(path):
        raise DataError(
            f"{taken[0]} is there and no part of {kind.name}; nothing was touched: name another"
            " folder"
        )


def check_new(path: Path) -> None:
    """Refuse a place where anything stands.

    Raises:
        DataError: then, or when `check_parents` refuses it.
    """
    check_parents(path)
    if path.exists() or path.is_symlink():
        raise DataError(f"{path} is there already: name a new folder")


def note_in(out: Path, name: str) -> dict[str, Any] | None:
    """Return what is noted in ``out/name``, the file that claims a folder; None in a new one.

    Raises:
        DataError: when the folder holds files but no note, the note is damaged, or `check_place`
            refuses it.
    """
    check_place(out)
    if (out / name).exists():
        return read_json(out / name)
    if out.exists() and not all(map(is_left_behind, out.iterdir())):
        raise DataError(f"{out} holds other files: name a new folder")
    return None
