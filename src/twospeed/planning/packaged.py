"""Small networks for planning that come with the package, one folder a world and part."""

from pathlib import Path

from twospeed.core.errors import DataError
from twospeed.core.files import StrPath, as_path
from twospeed.core.folders import FolderKind, recover
from twospeed.worldmodel.catalogue import PACKAGED


def packaged_for(part: str, world: str) -> Path:
    """Return where a part for a world is, if one is packaged."""
    return PACKAGED / f"{part}-{Path(world).name}"


def folder_for(part: str, path: StrPath, kind: FolderKind, *, made_by: str) -> Path:
    """Return a folder of a part, or what is packaged for a world of that name.

    Args:
        part: "inverse" or "hand".
        path: of the folder, or a world.
        kind: of folder; its first file is looked for.
        made_by: the command that makes one.

    Raises:
        DataError: when there is neither.
    """
    own, sign = as_path(path), kind.files[0]
    recover(own, kind)
    for place in (own, packaged_for(part, str(path))):
        if (place / sign).exists():
            return place
    known = ", ".join(sorted(it.parent.name[len(part) + 1 :] for it in _all(part, sign))) or "none"
    raise DataError(
        f"{str(path)!r} is no folder of {kind.name}; packaged for: {known}; others are made by"
        f" {made_by}"
    )


def _all(part: str, sign: str) -> list[Path]:
    return list(PACKAGED.glob(f"{part}-*/{sign}"))
