"""Shards as a LeRobot dataset of version 3.0: Parquet tables, MP4 videos, ``meta/``.

Holds: `export_lerobot`. Holds not: the files (lerobot_files.py, lerobot_meta.py), the reader
(importers/lerobot/). Many episodes share a file; ``meta/episodes`` says where each one lies. The
task of a row is the action that leads from its frame to the next one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError, require
from twospeed.core.files import StrPath, as_path
from twospeed.core.folders import FolderKind, check_new, folder_aside
from twospeed.core.progress import progress
from twospeed.data.episode import Episode
from twospeed.data.exporters.lerobot_files import CAMERA, VIDEO_FILE_MEGABYTES, Rows, Videos
from twospeed.data.exporters.lerobot_meta import STATE, Dataset, write_meta
from twospeed.data.exporters.lerobot_stats import flat, merged, stats_of, stats_of_frames
from twospeed.data.index import read_all_notes, read_episodes
from twospeed.data.recorder import TEST_SEEDS_FROM

_NEVER_REPLACED = FolderKind(name="a LeRobot dataset", files=(), sign=lambda _: False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """What has been written."""

    num_episodes: int
    num_frames: int
    num_tasks: int


def export_lerobot(
    folder: StrPath, out: StrPath, *, video_megabytes: int = VIDEO_FILE_MEGABYTES
) -> Exported:
    """Write the episodes of a folder of shards as a LeRobot dataset; it is whole or not there.

    Episodes for training come first, those for testing (seeds from 800,000 on) after them, as two
    splits. Poses become ``observation.state``.

    Args:
        folder: where ``index.json`` lies.
        out: a folder that is not there yet.
        video_megabytes: a video file ends when it has grown to so much.

    Raises:
        DataError: when `out` is there, episodes differ in rate or size, or the disk is full.
        MissingExtraError: when pyarrow is not installed.
    """
    require("pyarrow.parquet", extra="data")
    folder, out = as_path(folder, "folder"), as_path(out, "out")
    check_new(out)
    notes = [note for note in read_all_notes(folder) if note.actions]
    dataset = Dataset(rate=_rate_of({note.frames_per_second for note in notes}, folder))
    dataset.with_poses = all(note.poses is not None for note in notes)
    num_train = sum(note.seed < TEST_SEEDS_FROM for note in notes)
    with folder_aside(out, _NEVER_REPLACED) as aside:
        videos = Videos(aside, dataset.rate, video_megabytes)
        rows = Rows(aside)
        with progress("exporting", total=len(notes), unit="episodes") as advance:
            for episode in _in_order(folder, with_tests=num_train < len(notes)):
                _add(dataset, episode, rows, videos)
                advance()
        videos.close()
        rows.close()
        write_meta(aside, dataset, world=notes[0].world, num_train=num_train)
    return Exported(
        num_episodes=len(notes), num_frames=dataset.num_frames, num_tasks=len(dataset.tasks)
    )


def _rate_of(rates: set[float], folder: Path) -> Fraction:
    """Return the one frame rate of all episodes."""
    if len(rates) != 1:
        raise DataError(f"a LeRobot dataset has one frame rate, {folder} has {sorted(rates)}")
    rate = Fraction(min(rates)).limit_denominator(1000)
    if not rate:
        text = f"{min(rates):g} a second"
        raise DataError(f"a video shows at least a frame in 1,000 s, {folder} has {text}")
    return rate


def _in_order(folder: Path, *, with_tests: bool) -> Iterator[Episode]:
    """Yield the episodes for training, then those for testing."""
    for testing in (False, True) if with_tests else (False,):
        for episode in read_episodes(folder):
            if episode.actions and (episode.seed >= TEST_SEEDS_FROM) == testing:
                yield episode


def _add(dataset: Dataset, episode: Episode, rows: Rows, videos: Videos) -> None:
    dataset.shape = dataset.shape or episode.frames.shape[1:]
    if episode.frames.shape[1:] != dataset.shape:
        raise DataError(
            f"a LeRobot dataset has one size of frames: {dataset.shape[:2]}, but episode"
            f" {episode.seed} of {episode.world} has {episode.frames.shape[1:3]}"
        )
    number, count = len(dataset.episodes), len(episode.frames)
    tasks = [
        dataset.tasks.setdefault(action, len(dataset.tasks))
        for action in episode.actions
        for _ in range(episode.chunk_frames)
    ]
    columns: dict[str, NDArray[Any]] = {
        "timestamp": (np.arange(count) / float(dataset.rate)).astype(np.float32),
        "frame_index": np.arange(count),
        "episode_index": np.full(count, number),
        "index": dataset.num_frames + np.arange(count),
        "task_index": np.array([*tasks, tasks[-1]]),
    }
    if dataset.with_poses and episode.poses is not None:
        columns[STATE] = episode.poses
    stats = {name: stats_of(column) for name, column in columns.items()}
    stats[CAMERA] = stats_of_frames(episode.frames)
    dataset.episodes.append(
        {
            "episode_index": number,
            "tasks": list(dict.fromkeys(episode.actions)),
            "length": count,
            "dataset_from_index": dataset.num_frames,
            "dataset_to_index": dataset.num_frames + count,
            **rows.add(columns),
            **videos.add(episode.frames),
            **flat(stats),
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
        }
    )
    dataset.stats = merged(dataset.stats, stats)
    dataset.num_frames += count
