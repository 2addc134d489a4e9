"""Shards wherever they lie: a folder on this machine, or any URL that fsspec opens.

A shard is fetched whole into a temporary file, compared with its checksum, read and removed;
meanwhile the next one is on its way. Such URLs are ``https://...``, ``s3://...``, ``memory://...``.
"""

import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from twospeed.core.errors import DataError, require
from twospeed.core.files import aside_of
from twospeed.core.strangers.places import check_bare, place_below
from twospeed.data.episode import Episode
from twospeed.data.index import ShardEntry, check_shard, parse_index, read_index
from twospeed.data.shards import read_shard

Place = Path | str
"""A folder, or a URL of one."""

SHARDS_AHEAD = 2
"""Shards that are fetched while one is being read."""

MOST_INDEX_BYTES = 256 * 2**20
"""Of an index that a URL gives."""

ATTEMPTS = 3
"""How often a shard is asked for before it is given up."""

_log = logging.getLogger(__name__)


def index_at(place: Place) -> list[ShardEntry]:
    """Read what a place should hold; the index of a URL is read once in a process.

    Raises:
        DataError: when there is no index of this version, or the URL cannot be reached.
    """
    return list(_index_of_url(str(place))) if _is_url(place) else read_index(place)


@contextmanager
def shard_at(place: Place, entry: ShardEntry) -> Iterator[Path]:
    """Give the path of a shard that is whole; one that was fetched is removed afterwards.

    Raises:
        DataError: when it is missing, cut off or changed, or the URL cannot be reached.
    """
    if not _is_url(place):
        path = Path(place) / entry.name
        check_shard(path, entry)
        yield path
        return
    folder = Path(tempfile.mkdtemp(prefix="twospeed-"))
    try:
        yield _fetched(str(place), entry, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stream_episodes(
    place: Place, *, on_damage: Callable[[str], None] | None = None, ahead: int = SHARDS_AHEAD
) -> Iterator[Episode]:
    """Stream the episodes of a place, fetching the next shards while one is read.

    Args:
        place: a folder or a URL.
        on_damage: gets one line for every shard that is skipped; None logs it as a warning.
        ahead: how many shards are fetched in advance.

    Raises:
        DataError: when there is no index of this version (at once), or no shard is whole (at the
            end).
    """
    return _stream(place, index_at(place), on_damage or _log.warning, ahead)


def _stream(
    place: Place, entries: Sequence[ShardEntry], report: Callable[[str], None], ahead: int
) -> Iterator[Episode]:
    num_good = 0
    for entry, wait in _prepared(place, entries, ahead):
        try:
            yield from read_shard(wait())
        except DataError as error:
            report(f"shard {place}/{entry.name} is skipped: {error}")
        else:
            num_good += 1
    if not num_good:
        raise DataError(f"{place}: none of its {len(entries)} shards can be read")


def _prepared(
    place: Place, entries: Sequence[ShardEntry], ahead: int
) -> Iterator[tuple[ShardEntry, Callable[[], Path]]]:
    """Yield every entry with a function that waits for its file, which lives until the next."""
    waiting: list[tuple[ShardEntry, Any, Future[Path]]] = []
    with ThreadPoolExecutor(max_workers=max(ahead, 1)) as pool:
        try:
            for entry in [*entries, *[None] * ahead]:
                if entry is not None:
                    opened = shard_at(place, entry)
                    waiting.append((entry, opened, pool.submit(opened.__enter__)))
                if len(waiting) > ahead or (entry is None and waiting):
                    yield waiting[0][0], waiting[0][2].result
                    _close(*waiting.pop(0)[1:])
        finally:
            for _, opened, future in waiting:
                _close(opened, future)


def _close(opened: Any, future: "Future[Path]") -> None:
    if future.exception() is None:
        opened.__exit__(None, None, None)


def _is_url(place: Place) -> bool:
    return isinstance(place, str) and "://" in place


def _opened(url: str) -> tuple[Any, str]:
    fsspec = require("fsspec", extra="data")
    try:
        system, root = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise DataError(f"cannot open {url}: {error}") from error
    return system, root.rstrip("/")


@lru_cache(maxsize=8)
def _index_of_url(url: str) -> tuple[ShardEntry, ...]:
    system, root = _opened(url)
    where = f"{url.rstrip('/')}/index.json"
    try:
        with tempfile.TemporaryDirectory(prefix="twospeed-") as folder:
            place = Path(folder) / "index.json"
            _get(system, f"{root}/index.json", place, MOST_INDEX_BYTES)
            content = place.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"there is no {where}: no recording has been finished there") from error
    except Exception as error:  # every file system has its own kinds
        raise DataError(f"cannot read {where}: {error!r}") from error
    return tuple(parse_index(content, where))


def _fetched(url: str, entry: ShardEntry, folder: Path) -> Path:
    system, root = _opened(url)
    path = place_below(folder, check_bare(entry.name, ".tar", "a shard"), "a shard")
    aside = aside_of(path)
    if entry.num_bytes > shutil.disk_usage(folder).free:
        raise DataError(f"its {entry.num_bytes:,} bytes do not fit on the disk")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _get(system, f"{root}/{entry.name}", aside, entry.num_bytes)
            check_shard(aside, entry)
            aside.replace(path)  # what has the name of a shard is whole
        except FileNotFoundError as error:
            raise DataError("it is missing") from error
        except Exception as error:  # every file system has its own kinds
            if attempt == ATTEMPTS:
                text = error if isinstance(error, DataError) else f"cannot be fetched: {error!r}"
                raise DataError(str(text)) from error
            time.sleep(0.2 * attempt)
        else:
            break
    return path


def _get(system: Any, source: str, place: Path, most: int) -> None:
    """Copy a file; a server that goes on beyond `most` bytes is left.

    Raises:
        DataError: then.
    """
    callback = require("fsspec.callbacks", extra="data").Callback

    class Bounded(callback):  # type: ignore[misc, valid-type]
        def relative_update(self, inc: int = 1) -> None:
            super().relative_update(inc)
            if self.value > most:
                raise DataError(f"it goes on beyond {most:,} bytes")

    system.get_file(source, str(place), callback=Bounded())
