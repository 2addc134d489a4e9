"""Shards: tar files in the WebDataset layout, each sample a lossless video and its notes.

Sample ``rooms-000000042`` is the members ``rooms-000000042.mkv`` (the frames) and ``.json`` (all
else). The same episodes give the same bytes. Holds not: the index of a folder (index.py).
"""

import dataclasses
import functools
import io
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from twospeed.core.errors import DataError
from twospeed.core.fields import shown
from twospeed.core.files import StrPath, as_path, written_aside
from twospeed.data.episode import Episode
from twospeed.data.lossless import pack_frames, unpack_frames
from twospeed.data.notes import Notes


def write_shard(path: StrPath, episodes: Iterable[Episode]) -> None:
    """Write episodes as they come; the file appears under its name when all are in it.

    Raises:
        DataError: when the disk is full or the place cannot be written.
    """
    with shard_of(as_path(path)) as add:
        for episode in episodes:
            add(episode)


@contextmanager
def shard_of(path: Path) -> Iterator[Callable[[Episode], None]]:
    """Give a function that adds an episode; the file has its name when the block ends well.

    Raises:
        DataError: as `write_shard`.
    """
    with written_aside(path) as aside:
        with tarfile.open(aside, "w", format=tarfile.USTAR_FORMAT) as tar:
            yield functools.partial(_add_episode, tar)
        with aside.open("rb") as file:
            os.fsync(file.fileno())  # a shard that has its name is whole, even after a power cut


def _add_episode(tar: tarfile.TarFile, episode: Episode) -> None:
    key = f"{episode.world}-{episode.seed:09d}"
    video = pack_frames(episode.frames, frames_per_second=episode.frames_per_second)
    _add_member(tar, f"{key}.mkv", video)
    _add_member(tar, f"{key}.json", notes_of(episode).to_bytes())


def _add_member(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # its date and owner are 0: the same bytes every time
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def notes_of(episode: Episode) -> Notes:
    """Return all that an episode holds beside its frames."""
    names = {field.name for field in dataclasses.fields(Notes)} - {"num_frames", "poses"}
    poses = None if episode.poses is None else tuple(map(tuple, episode.poses.tolist()))
    told = {name: getattr(episode, name) for name in names}
    return Notes(num_frames=len(episode.frames), poses=poses, **told)


def read_shard(path: StrPath) -> Iterator[Episode]:
    """Stream the episodes of one shard.

    Raises:
        DataError: at the first thing that is not as it should be, saying what.
    """
    samples = read_samples(as_path(path))
    return (_episode_of(notes, video) for notes, video in samples)


def read_samples(path: Path) -> Iterator[tuple[Notes, bytes]]:
    """Stream the samples of one shard as they lie there: notes, and the video, not decoded.

    Raises:
        DataError: at the first thing that is not as it should be, saying what.
    """
    video = b""
    for name, content in _members(path, endings=(".mkv", ".json")):
        if name.endswith(".mkv"):
            video = content
        else:
            yield Notes.parse(content, name), video
            video = b""


def read_notes(path: Path) -> Iterator[Notes]:
    """Stream the notes of one shard without reading its videos.

    Raises:
        DataError: when the file is missing, cut off, or no shard.
    """
    for name, content in _members(path, endings=(".json",)):
        yield Notes.parse(content, name)


def _members(path: Path, *, endings: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    if not path.is_file():
        raise DataError("it is missing")
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.name.endswith(endings):
                    yield member.name, _content(tar, member, path.stat().st_size)
    except DataError:
        raise
    except Exception as error:  # what the library raises depends on the damage
        raise DataError(f"it is damaged ({error or type(error).__name__})") from error


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, num_bytes: int) -> bytes:
    """Read one member, after a look at what would be allocated for it."""
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise DataError(f"its {shown(member.name)} is a link, a device or sparse, no plain file")
    if member.offset_data + member.size > num_bytes:
        raise DataError(f"it is damaged ({shown(member.name)} is cut off)")
    file = tar.extractfile(member)
    return file.read() if file else b""


def _episode_of(notes: Notes, video: bytes) -> Episode:
    told = {field.name: getattr(notes, field.name) for field in dataclasses.fields(notes)}
    most = told.pop("num_frames") + 1  # one more is enough to see that there are too many
    poses = None if notes.poses is None else np.array(notes.poses, np.float32)
    try:
        return Episode(**told | {"frames": unpack_frames(video, most=most), "poses": poses})
    except DataError as error:
        raise DataError(f"its sample of seed {notes.seed} is damaged ({error})") from error
