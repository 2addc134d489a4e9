"""The index of a folder of shards, and reading what is whole of it.

A folder holds ``*.tar`` (shards.py) and ``index.json``: format version, and for every shard its
checksum, counts and seeds. A damaged shard is named and skipped; it is never silently missing.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from twospeed.core.errors import DataError
from twospeed.core.fields import shown
from twospeed.core.files import StrPath, as_path, sha256_of, write_json
from twospeed.core.ranges import Within
from twospeed.core.strangers.places import check_bare, check_inside
from twospeed.core.untrusted import parse_json, typed
from twospeed.data.episode import Episode
from twospeed.data.notes import Notes
from twospeed.data.shards import read_notes, read_shard

FORMAT = "twospeed-episodes"
VERSION = 1

S = TypeVar("S")
Size = Annotated[int, Within(0, 2**62)]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardEntry:
    """What the index says about one shard."""

    name: str
    """File name in the folder."""

    sha256: str
    """Checksum of the file, hexadecimal."""

    num_bytes: Size
    """Size of the file."""

    num_frames: Size
    """Frames of all its episodes."""

    seeds: tuple[int, ...]
    """The seed of every episode, in order."""

    def __post_init__(self) -> None:
        check_bare(self.name, ".tar", "a shard")


def write_index(folder: Path) -> list[ShardEntry]:
    """Build ``index.json`` anew from the shards that lie in a folder.

    Raises:
        DataError: when there is no shard, or one cannot be read; the old index then stays.
    """
    entries = [_entry_of(path) for path in sorted(folder.glob("*.tar"))]
    if not entries:
        raise DataError(f"{folder} holds no shard")
    values = {
        "format": FORMAT,
        "version": VERSION,
        "num_episodes": sum(len(entry.seeds) for entry in entries),
        "num_frames": sum(entry.num_frames for entry in entries),
        "shards": [asdict(entry) for entry in entries],
    }
    write_json(folder / "index.json", values)
    return entries


def _entry_of(path: Path) -> ShardEntry:
    try:
        notes = list(read_notes(path))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    return ShardEntry(
        name=path.name,
        sha256=sha256_of(path),
        num_bytes=path.stat().st_size,
        num_frames=sum(note.num_frames for note in notes),
        seeds=tuple(note.seed for note in notes),
    )


def read_index(folder: StrPath) -> list[ShardEntry]:
    """Read what a folder should hold.

    Raises:
        KindError: when the place is neither a text nor a path.
        DataError: when there is no index, or it has another format or version.
    """
    path = as_path(folder, "folder") / "index.json"
    if not path.is_file():
        raise DataError(f"{folder} has no index.json: no recording has been finished there")
    try:
        return parse_index(path.read_bytes(), str(path))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def parse_index(content: bytes, where: str) -> list[ShardEntry]:
    """Return what the bytes of an ``index.json`` say.

    Raises:
        DataError: when it has another format or version, or is damaged.
    """
    values = parse_json(content, where)
    said = values if isinstance(values, dict) else {}
    if said.get("format") != FORMAT or said.get("version") != VERSION:
        raise DataError(
            f"{where} is {shown(said.get('format'))} version {shown(said.get('version'))},"
            f" this program reads {FORMAT!r} version {VERSION}"
        )
    return list(typed(tuple[ShardEntry, ...], said.get("shards"), f"{where} is damaged"))


def read_episodes(
    folder: StrPath, *, on_damage: Callable[[str], None] | None = None
) -> Iterator[Episode]:
    """Stream the episodes of a folder, shard by shard, checking every shard first.

    Args:
        folder: where ``index.json`` lies.
        on_damage: gets one line for every shard that is skipped; None logs it as a warning.

    Raises:
        DataError: when the folder has no index of this version (at once), or when no shard of it
            is whole (when the stream ends).
    """
    folder = as_path(folder, "folder")
    return _stream(folder, read_index(folder), read_shard, on_damage)


def read_all_notes(
    folder: StrPath, *, on_damage: Callable[[str], None] | None = None
) -> Iterator[Notes]:
    """Stream what `read_episodes` would, but only the notes: no video is decoded."""
    folder = as_path(folder, "folder")
    return _stream(folder, read_index(folder), read_notes, on_damage)


def _stream(
    folder: Path,
    entries: list[ShardEntry],
    read: Callable[[Path], Iterator[S]],
    on_damage: Callable[[str], None] | None,
) -> Iterator[S]:
    report = on_damage or _log.warning
    num_good = 0
    for entry in entries:
        path = folder / entry.name
        try:
            check_shard(path, entry)
            yield from read(path)
        except DataError as error:
            report(f"shard {path} is skipped: {error}")
        else:
            num_good += 1
    if not num_good:
        raise DataError(f"{folder}: none of its {len(entries)} shards can be read")


def check_shard(path: Path, entry: ShardEntry) -> None:
    """Compare a shard with what the index says.

    Raises:
        DataError: when it is missing, cut off or changed, or a link that leads out of its folder.
    """
    check_inside(path, path.parent, "it")
    if not path.is_file():
        raise DataError("it is missing")
    num_bytes = path.stat().st_size
    if num_bytes != entry.num_bytes:
        raise DataError(f"it has {num_bytes} bytes instead of {entry.num_bytes}")
    if sha256_of(path) != entry.sha256:
        raise DataError("its checksum is wrong")
