"""Shards: tar files in the WebDataset layout, each sample a lossless video and its notes.

Sample ``rooms-000000042`` is the members ``rooms-000000042.mkv`` (the frames) and ``.json`` (all
else). The same episodes give the same bytes. Holds not: the index of a folder (index.py).
"""

import dataclasses
import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from twospeed.core.errors import DataError
from twospeed.core.files import written_aside
from twospeed.data.episode import Episode
from twospeed.data.lossless import pack_frames, unpack_frames

Notes = dict[str, Any]
"""The .json of a sample: every field of `Episode` but the frames, and `num_frames`."""


def write_shard(path: Path, episodes: Iterable[Episode]) -> None:
    """Write episodes as they come; the file appears under its name when all are in it.

    Raises:
        DataError: when the disk is full or the place cannot be written.
    """
    with written_aside(path) as aside:
        with tarfile.open(aside, "w", format=tarfile.USTAR_FORMAT) as tar:
            for episode in episodes:
                key = f"{episode.world}-{episode.seed:09d}"
                video = pack_frames(episode.frames, frames_per_second=episode.frames_per_second)
                notes = json.dumps(notes_of(episode), sort_keys=True) + "\n"
                _add_member(tar, f"{key}.mkv", video)
                _add_member(tar, f"{key}.json", notes.encode())
        with aside.open("rb") as file:
            os.fsync(file.fileno())  # a shard that has its name is whole, even after a power cut


def _add_member(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # its date and owner are 0: the same bytes every time
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def notes_of(episode: Episode) -> Notes:
    """Return all that an episode holds beside its frames, as plain JSON values."""
    absent = {name for name in ("scene", "objects") if getattr(episode, name) is None}
    left_out = {"frames", "poses"} | absent
    names = [field.name for field in dataclasses.fields(episode)]
    notes = {name: getattr(episode, name) for name in names if name not in left_out}
    poses = None if episode.poses is None else episode.poses.tolist()
    return notes | {"poses": poses, "num_frames": len(episode.frames)}


def read_shard(path: Path) -> Iterator[Episode]:
    """Stream the episodes of one shard.

    Raises:
        DataError: at the first thing that is not as it should be, saying what.
    """
    for notes, video in read_samples(path):
        yield _episode_of(notes, video)


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
            yield _parse(name, content), video
            video = b""


def read_notes(path: Path) -> Iterator[Notes]:
    """Stream the notes of one shard without reading its videos.

    Raises:
        DataError: when the file is missing, cut off, or no shard.
    """
    for name, content in _members(path, endings=(".json",)):
        yield _parse(name, content)


def _members(path: Path, *, endings: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                file = tar.extractfile(member) if member.name.endswith(endings) else None
                if file is not None:
                    yield member.name, file.read()
    except FileNotFoundError as error:
        raise DataError("it is missing") from error
    except (OSError, tarfile.TarError) as error:
        raise DataError(f"it is damaged ({error})") from error


def _parse(name: str, content: bytes) -> Notes:
    try:
        notes: Notes = json.loads(content)
        return notes | {"actions": tuple(notes["actions"]), "seed": int(notes["seed"])}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"its {name} cannot be read ({error!r})") from error


def _episode_of(notes: Notes, video: bytes) -> Episode:
    notes = dict(notes)
    notes.pop("num_frames", None)
    poses, objects = notes.pop("poses", None), notes.pop("objects", None)
    try:
        poses = None if poses is None else np.array(poses, np.float32)
        objects = None if objects is None else tuple(map(_objects_of, objects))
        return Episode(frames=unpack_frames(video), poses=poses, objects=objects, **notes)
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(f"its sample of seed {notes['seed']} is damaged ({error})") from error


def _objects_of(values: dict[str, list[float]]) -> dict[str, tuple[float, ...]]:
    return {name: tuple(numbers) for name, numbers in values.items()}
