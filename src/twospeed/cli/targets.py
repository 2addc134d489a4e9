"""Where commands write: every path of an output is checked before any work is done for it."""

from collections.abc import Callable
from pathlib import Path

from twospeed.core.files import check_file
from twospeed.core.folders import (
    FolderKind,
    check_folder,
    check_new,
    check_place,
    check_shared,
    note_in,
)

Check = Callable[[Path | None], Path | None]
"""A callback of an option: gives the path back, or raises `DataError`."""


def new_file(path: Path | None) -> Path | None:
    """Take a place where a file can be written; a file that is there will be replaced."""
    if path is not None:
        check_file(path)
    return path


def new_folder(path: Path | None) -> Path | None:
    """Take a place where nothing stands yet."""
    if path is not None:
        check_new(path)
    return path


def any_folder(path: Path | None) -> Path | None:
    """Take a place where a folder is or can be; what is in it is judged later."""
    if path is not None:
        check_place(path)
    return path


def folder_of(kind: FolderKind) -> Check:
    """Take a place where a folder of this kind can be written; one that is there is replaced."""

    def check(path: Path | None) -> Path | None:
        if path is not None:
            check_folder(path, kind)
        return path

    return check


def folder_with(kind: FolderKind) -> Check:
    """Take a folder into which the files of this kind can be written, beside others."""

    def check(path: Path | None) -> Path | None:
        if path is not None:
            check_shared(path, kind)
        return path

    return check


def folder_claimed_by(note: str) -> Check:
    """Take a new folder, or one that this note claims, where the work goes on."""

    def check(path: Path | None) -> Path | None:
        if path is not None:
            note_in(path, note)
        return path

    return check
