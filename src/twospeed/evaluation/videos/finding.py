"""Which clips lie in a folder, by name; holds not: how they are read (clips.py).

A name is that of the file without its ending, or of the folder of pictures. Accents count as the
same however a system writes them, and what begins with a dot is left to the system that put it.
"""

import unicodedata
from collections.abc import Callable
from pathlib import Path

from twospeed.core import pictures, video_header
from twospeed.core.errors import DataError
from twospeed.evaluation.videos import animations

Say = Callable[[str], None]
"""Gets one line about each thing that is left out or is not as usual."""

NPZ = ".npz"
_FILES = (*video_header.ENDINGS, *animations.ENDINGS, NPZ)


def find_clips(place: Path, *, say: Say) -> dict[str, Path]:
    """Return where every clip lies, by its name; of equal names the first, the others are said.

    Args:
        place: a folder of clips, a folder of pictures (one clip), or a file (one clip).
        say: gets one line about each clip whose name is taken.

    Raises:
        DataError: when nothing is there, or no clip in it.
    """
    if place.is_file():
        return {_name_of(place): place}
    if not place.is_dir():
        raise DataError(f"{place} is neither a folder nor a video; a model takes --protocol")
    found: dict[str, Path] = {}
    for path in sorted(it for it in place.iterdir() if _is_clip(it)):
        first = found.setdefault(_name_of(path), path)
        if first is not path:
            say(f"{path}: {first.name} has this name too, and is taken; left out")
    if not found and pictures_in(place):
        found = {_name_of(place): place}
    if not found:
        kinds = ", ".join(("mp4", "mkv", "webm", "gif", "npz"))
        raise DataError(f"{place} holds no video: {kinds}, or a folder of pictures for each")
    return found


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures that lie in a folder, in no order."""
    return [it for it in folder.iterdir() if _is_seen(it) and _is_picture(it)]


def _name_of(path: Path) -> str:
    return unicodedata.normalize("NFC", path.name if path.is_dir() else path.stem)


def _is_clip(path: Path) -> bool:
    if not _is_seen(path):
        return False
    return bool(pictures_in(path)) if path.is_dir() else path.suffix.lower() in _FILES


def _is_seen(path: Path) -> bool:
    return not path.name.startswith(".")


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in pictures.ENDINGS and path.is_file()
