"""The index of a folder of shards, and reading what is whole of it.

A folder holds ``*.tar`` (shards.py) and ``index.json``: format version, and for every shard its
checksum, counts and seeds. A damaged shard is named and skipped; it is never silently missing.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from twospeed.core.config import from_json
from twospeed.core.errors import DataError, TwospeedError
from twospeed.core.files import read_json, sha256_of, write_json
from twospeed.data.episode import Episode
from twospeed.data.shards import Notes, read_notes, read_shard

FORMAT = "twospeed-episodes"
VERSION = 1

S = TypeVar("S")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardEntry:
    """What the index says about one shard."""

    name: str
    """File name in the folder."""

    sha256: str
    """Checksum of the file, hexadecimal."""

    num_bytes: int
    """Size of the file."""

    num_frames: int
    """Frames of all its episodes."""

    seeds: tuple[int, ...]
    """The seed of every episode, in order."""


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
        num_frames=sum(note["num_frames"] for note in notes),
        seeds=tuple(note["seed"] for note in notes),
    )


def read_index(folder: Path) -> list[ShardEntry]:
    """Read what a folder should hold.

    Raises:
        DataError: when there is no index, or it has another format or version.
    """
    path = folder / "index.json"
    if not path.exists():
        raise DataError(f"{folder} has no index.json: no recording has been finished there")
    return entries_of(read_json(path), str(path))


def parse_index(content: bytes, where: str) -> dict[str, Any]:
    """Read the bytes of an ``index.json``.

    Raises:
        DataError: when they are no JSON object.
    """
    try:
        values = json.loads(content)
    except ValueError as error:
        raise DataError(f"cannot read {where} as JSON: {error}") from error
    if not isinstance(values, dict):
        raise DataError(f"{where} should hold a JSON object, but holds a {type(values).__name__}")
    return values


def entries_of(values: Mapping[str, Any], where: str) -> list[ShardEntry]:
    """Return what an index says.

    Raises:
        DataError: when it has another format or version, or is damaged.
    """
    if values.get("format") != FORMAT or values.get("version") != VERSION:
        raise DataError(
            f"{where} is {values.get('format')!r} version {values.get('version')!r},"
            f" this program reads {FORMAT!r} version {VERSION}"
        )
    try:
        return [from_json(ShardEntry, entry) for entry in values["shards"]]
    except (KeyError, TypeError, AttributeError, TwospeedError) as error:
        raise DataError(f"{where} is damaged: {error!r}") from error


def read_episodes(
    folder: Path, *, on_damage: Callable[[str], None] | None = None
) -> Iterator[Episode]:
    """Stream the episodes of a folder, shard by shard, checking every shard first.

    Args:
        folder: where ``index.json`` lies.
        on_damage: gets one line for every shard that is skipped; None logs it as a warning.

    Raises:
        DataError: when the folder has no index of this version (at once), or when no shard of it
            is whole (when the stream ends).
    """
    return _stream(folder, read_index(folder), read_shard, on_damage)


def read_all_notes(
    folder: Path, *, on_damage: Callable[[str], None] | None = None
) -> Iterator[Notes]:
    """Stream what `read_episodes` would, but only the notes: no video is decoded."""
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
        DataError: when it is missing, cut off or changed.
    """
    if not path.exists():
        raise DataError("it is missing")
    num_bytes = path.stat().st_size
    if num_bytes != entry.num_bytes:
        raise DataError(f"it has {num_bytes} bytes instead of {entry.num_bytes}")
    if sha256_of(path) != entry.sha256:
        raise DataError("its checksum is wrong")
