"""Shards as a LeRobot dataset of version 3.0: Parquet tables, MP4 videos, ``meta/``.

Holds: `export_lerobot`. Holds not: the reader (importers/lerobot.py), the statistics that the
format wants (lerobot_stats.py). Many episodes share a file; ``meta/episodes`` says where each one
lies. The task of a row is the action that leads from its frame to the next one.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError, require
from twospeed.core.files import write_json, written_aside
from twospeed.core.progress import progress
from twospeed.core.video import Frames
from twospeed.data.episode import Episode
from twospeed.data.index import read_all_notes, read_episodes
from twospeed.data.lerobot_stats import Stats, flat, merged, stats_of, stats_of_frames
from twospeed.data.recorder import TEST_SEEDS_FROM

CAMERA = "observation.images.camera"
STATE = "observation.state"
FILES_PER_CHUNK = 1000
DATA_FILE_MEGABYTES = 100
VIDEO_FILE_MEGABYTES = 200
_PLACE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
_NUMBERS = ("frame_index", "episode_index", "index", "task_index")


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """What has been written."""

    num_episodes: int
    num_frames: int
    num_tasks: int


@dataclass(slots=True)
class _Dataset:
    """What is known of the dataset while it is written."""

    rate: Fraction
    shape: tuple[int, ...] = ()
    with_poses: bool = True
    tasks: dict[str, int] = field(default_factory=dict)
    episodes: list[dict[str, Any]] = field(default_factory=list)
    stats: Stats = field(default_factory=dict)
    num_frames: int = 0


def export_lerobot(
    folder: Path, out: Path, *, video_megabytes: int = VIDEO_FILE_MEGABYTES
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
    if out.exists():
        raise DataError(f"{out} is there already: export into a new folder")
    notes = [note for note in read_all_notes(folder) if note["actions"]]
    rates = {float(note["frames_per_second"]) for note in notes}
    if len(rates) != 1:
        raise DataError(f"a LeRobot dataset has one frame rate, {folder} has {sorted(rates)}")
    dataset = _Dataset(rate=Fraction(rates.pop()).limit_denominator(1000))
    dataset.with_poses = all(note["poses"] is not None for note in notes)
    num_train = sum(note["seed"] < TEST_SEEDS_FROM for note in notes)
    with written_aside(out) as aside:
        aside.mkdir(parents=True)
        videos = _Videos(aside, dataset.rate, video_megabytes)
        rows = _Rows(aside)
        with progress("exporting", total=len(notes), unit="episodes") as advance:
            for episode in _in_order(folder, with_tests=num_train < len(notes)):
                _add(dataset, episode, rows, videos)
                advance()
        videos.close()
        rows.close()
        _write_meta(aside, dataset, world=notes[0]["world"], num_train=num_train)
    return Exported(
        num_episodes=len(notes), num_frames=dataset.num_frames, num_tasks=len(dataset.tasks)
    )


def _in_order(folder: Path, *, with_tests: bool) -> Iterator[Episode]:
    """Yield the episodes for training, then those for testing."""
    for testing in (False, True) if with_tests else (False,):
        for episode in read_episodes(folder):
            if episode.actions and (episode.seed >= TEST_SEEDS_FROM) == testing:
                yield episode


def _add(dataset: _Dataset, episode: Episode, rows: "_Rows", videos: "_Videos") -> None:
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


class _Rows:
    """Writes the Parquet files of ``data/``, a row group an episode."""

    def __init__(self, root: Path) -> None:
        self._root, self._number = root, 0
        self._writer: Any = None

    def add(self, columns: dict[str, Any]) -> dict[str, int]:
        """Append an episode and say where it lies."""
        pyarrow, parquet = _pyarrow()
        arrays = {name: _array_of(pyarrow, column) for name, column in columns.items()}
        table = pyarrow.table(arrays)
        if self._writer is None:
            path = self._root / "data" / f"{_place(self._number)}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._path, self._writer = path, parquet.ParquetWriter(path, table.schema)
        self._writer.write_table(table)
        place = _indices("data", self._number)
        if self._path.stat().st_size > DATA_FILE_MEGABYTES * 2**20:
            self.close()
            self._number += 1
        return place

    def close(self) -> None:
        """End the file that is being written."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None


class _Videos:
    """Writes the MP4 files of the camera, episodes one after the other."""

    def __init__(self, root: Path, rate: Fraction, megabytes: int) -> None:
        self._root, self._rate, self._limit = root, rate, megabytes * 2**20
        self._number = self._num_frames = self._num_bytes = 0
        self._container: Any = None

    def add(self, frames_THWC: Frames) -> dict[str, float]:
        """Append the frames of an episode and say where they lie."""
        av = require("av", extra="all")
        if self._container is None:
            self._open(av, *frames_THWC.shape[1:3])
        begin = self._num_frames
        for pixels in frames_THWC:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, self._num_frames = self._num_frames, self._num_frames + 1
            self._mux(self._stream.encode(frame))
        key = f"videos/{CAMERA}"
        times = {"from": begin / self._rate, "to": self._num_frames / self._rate}
        place: dict[str, float] = {f"{key}/{it}_timestamp": float(times[it]) for it in times}
        place |= _indices(key, self._number)
        if self._num_bytes > self._limit:
            self.close()
            self._number += 1
        return place

    def close(self) -> None:
        """End the file that is being written."""
        if self._container is not None:
            self._mux(self._stream.encode())
            self._container.close()
        self._container = None

    def _open(self, av: Any, height: int, width: int) -> None:
        if height % 2 or width % 2:
            raise DataError(f"an MP4 video has even sides, the frames are {width}x{height}")
        path = self._root / "videos" / CAMERA / f"{_place(self._number)}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        options = {"crf": "10", "preset": "veryfast", "g": "2", "bf": "0"}  # quick to seek in
        self._container = av.open(str(path), "w")
        self._stream = self._container.add_stream("libx264", rate=self._rate, options=options)
        self._stream.height, self._stream.width = height, width
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = 1 / self._rate
        self._num_frames = self._num_bytes = 0

    def _mux(self, packets: Sequence[Any]) -> None:
        self._num_bytes += sum(packet.size for packet in packets)
        self._container.mux(packets)


def _write_meta(root: Path, dataset: _Dataset, *, world: str, num_train: int) -> None:
    pyarrow, parquet = _pyarrow()
    rate = dataset.rate
    splits = {"train": f"0:{num_train}", "test": f"{num_train}:{len(dataset.episodes)}"}
    info = {
        "codebase_version": "v3.0",
        "robot_type": world,
        "fps": int(rate) if rate.denominator == 1 else float(rate),
        "total_episodes": len(dataset.episodes),
        "total_frames": dataset.num_frames,
        "total_tasks": len(dataset.tasks),
        "chunks_size": FILES_PER_CHUNK,
        "data_files_size_in_mb": DATA_FILE_MEGABYTES,
        "video_files_size_in_mb": VIDEO_FILE_MEGABYTES,
        "splits": {name: part for name, part in splits.items() if len(set(part.split(":"))) > 1},
        "data_path": f"data/{_PLACE}.parquet",
        "video_path": f"videos/{{video_key}}/{_PLACE}.mp4",
        "features": _features_of(dataset),
    }
    write_json(root / "meta" / "info.json", info)
    write_json(root / "meta" / "stats.json", dataset.stats)
    _write_tasks(root / "meta" / "tasks.parquet", list(dataset.tasks))
    path = root / "meta" / "episodes" / f"{_place(0)}.parquet"
    path.parent.mkdir(parents=True)
    parquet.write_table(pyarrow.Table.from_pylist(dataset.episodes), path)


def _features_of(dataset: _Dataset) -> dict[str, Any]:
    height, width, channels = dataset.shape
    features: dict[str, Any] = {
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        **{name: {"dtype": "int64", "shape": [1], "names": None} for name in _NUMBERS},
        CAMERA: {
            "dtype": "video",
            "shape": [height, width, channels],
            "names": ["height", "width", "channels"],
            "info": {
                "video.height": height,
                "video.width": width,
                "video.codec": "h264",
                "video.pix_fmt": "yuv420p",
                "video.fps": round(float(dataset.rate)),
                "video.channels": channels,
                "is_depth_map": False,
                "has_audio": False,
            },
        },
    }
    if dataset.with_poses:
        names = ["x", "y", "heading"]
        features[STATE] = {"dtype": "float32", "shape": [3], "names": names}
    return features


def _write_tasks(path: Path, tasks: Sequence[str]) -> None:
    """Write the table of tasks so that pandas finds the texts as its index."""
    pyarrow, parquet = _pyarrow()
    columns = [
        {"name": "task_index", "field_name": "task_index", "pandas_type": "int64",
         "numpy_type": "int64", "metadata": None},
        {"name": "task", "field_name": "task", "pandas_type": "unicode",
         "numpy_type": "object", "metadata": None},
    ]  # fmt: skip
    notes = {"index_columns": ["task"], "column_indexes": [], "columns": columns}
    table = pyarrow.table(
        {"task_index": pyarrow.array(range(len(tasks)), pyarrow.int64()), "task": list(tasks)}
    )
    schema = table.schema.with_metadata({"pandas": json.dumps(notes)})
    parquet.write_table(table.cast(schema), path)


def _array_of(pyarrow: Any, column: Any) -> Any:
    if column.ndim == 1:
        return pyarrow.array(column)
    flat_values = pyarrow.array(np.ascontiguousarray(column).ravel())
    return pyarrow.FixedSizeListArray.from_arrays(flat_values, column.shape[1])


def _pyarrow() -> tuple[Any, Any]:
    return require("pyarrow", extra="data"), require("pyarrow.parquet", extra="data")


def _indices(key: str, number: int) -> dict[str, int]:
    chunk, file = divmod(number, FILES_PER_CHUNK)
    return {f"{key}/chunk_index": chunk, f"{key}/file_index": file}


def _place(number: int) -> str:
    chunk, file = divmod(number, FILES_PER_CHUNK)
    return _PLACE.format(chunk_index=chunk, file_index=file)
