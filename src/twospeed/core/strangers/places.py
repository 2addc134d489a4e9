"""Places on disk that others name: bare names, and paths that stay below a folder.

A name out of an index, a manifest, a template or an archive is joined to a folder here alone.
"""

import re
from pathlib import Path, PurePosixPath

from twospeed.core.errors import DataError
from twospeed.core.fields import shown

LONGEST_NAME = 200
"""Letters of a bare name."""

LONGEST_PATH = 250
"""Bytes of a place below a folder."""

_BARE = re.compile(r"\w[\w.+=@ -]*")


def check_bare(name: object, ending: str, what: str) -> str:
    """Return a bare file name: letters, digits and ``_ . + = @ -``, no folder, nothing hidden.

    Args:
        name: what came.
        ending: such as ".tar".
        what: such as "a shard", for the message.

    Raises:
        DataError: when it is anything else.
    """
    is_bare = isinstance(name, str) and len(name) <= LONGEST_NAME and _BARE.fullmatch(name)
    if not isinstance(name, str) or not is_bare or not name.endswith(ending):
        raise DataError(f"{what} is a {ending} in the folder of its index, not {shown(name)}")
    return name


def place_below(folder: Path, name: str, what: str) -> Path:
    """Return the place of a relative path below a folder, also once links are followed.

    Links of a hub's cache (``snapshots/COMMIT/x`` to ``blobs/``) are inside.

    Args:
        folder: must hold it.
        name: what came.
        what: for the message.

    Raises:
        DataError: when it is absolute, climbs, is too long, holds control signs, or a link leads
            out of the folder.
    """
    path = PurePosixPath(name)
    is_odd = len(name.encode(errors="replace")) > LONGEST_PATH or not name.isprintable()
    if is_odd or "\\" in name or path.is_absolute() or ".." in path.parts:
        raise DataError(f"{what} is no place below {folder.name}: {shown(name)}")
    place = folder / path
    check_inside(place, folder, what)
    return place


def check_inside(place: Path, folder: Path, what: str) -> None:
    """Refuse a place that links lead out of a folder.

    Raises:
        DataError: naming it; also when links go in a circle.
    """
    try:
        is_inside = place.resolve().is_relative_to(_root_of(folder.resolve()))
    except (OSError, RuntimeError) as error:  # a circle of links
        raise DataError(f"{what} cannot be followed: {shown(place.name)}") from error
    if not is_inside:
        raise DataError(f"{what} is a link that leads out of {folder.name}: {shown(place.name)}")


def _root_of(folder: Path) -> Path:
    is_snapshot = folder.parent.name == "snapshots" and (folder.parent.parent / "blobs").is_dir()
    return folder.parent.parent if is_snapshot else folder
