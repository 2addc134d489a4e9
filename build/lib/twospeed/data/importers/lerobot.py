"""LeRobot datasets, v2.0 and v2.1 (a file an episode) and v3.0 (many episodes a file).

Holds: the reader. Holds not: the writer (exporters/lerobot.py). The task of every row says what
is done from that frame to the next one. Open X-Embodiment is published in this layout too.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from twospeed.core.errors import DataError, lookup, require
from twospeed.core.files import read_json
from twospeed.core.progress import progress
from twospeed.data.importers.arrays import ParquetFootage
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.plan import Footage, Say, Segment, Take, takes_of
from twospeed.data.importers.videos import VideoFootage

VERSIONS = ("v2.0", "v2.1", "v3.0")

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Dataset:
    """What ``meta/`` says."""

    root: Path
    info: Values
    tasks: Mapping[int, str]
    camera: str

    @property
    def rate(self) -> float:
        return float(self.info["fps"])

    def place(self, template: str, **numbers: int) -> Path:
        """Fill in one of the templates of ``info.json``."""
        return self.root / str(self.info[template]).format(video_key=self.camera, **numbers)


def plan_lerobot(source: Path, config: ImportConfig, say: Say) -> list[Take]:
    """Plan the takes of a LeRobot dataset: runs of one task are segments.

    Raises:
        DataError: when ``meta/`` cannot be read, or has another version.
        UnknownNameError: when there is no such camera.
        MissingExtraError: when pyarrow is not installed.
    """
    info = read_json(source / "meta" / "info.json")
    version = info.get("codebase_version")
    if version not in VERSIONS:
        raise DataError(
            f"{source} is a LeRobot dataset {version!r}, this reads {', '.join(VERSIONS)}"
        )
    camera = _camera_of(info, config.camera)
    try:
        tasks = _tasks_of(source)
        dataset = _Dataset(root=source, info=info, tasks=tasks, camera=camera)
        episodes = _episodes_of(source)
    except DataError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"cannot read {source / 'meta'}: {error!r}") from error
    takes = []
    with progress("reading tables", total=len(episodes), unit="episodes") as advance:
        for episode in episodes:
            takes += _takes_of(dataset, episode, config, say)
            advance()
    return sorted(takes, key=lambda take: (take.footage.name, take.start))


def _takes_of(dataset: _Dataset, episode: Values, config: ImportConfig, say: Say) -> list[Take]:
    where = f"episode {episode.get('episode_index')}"
    try:
        footage, begin, path, first, rows = _place_of(dataset, episode)
        segments = _segments_of(dataset, where, begin, _column(path, "task_index"), first, rows)
    except (DataError, KeyError, TypeError, ValueError) as error:
        reason = error if isinstance(error, DataError) else f"has wrong values: {error!r}"
        say(f"{where}: {reason}; skipped")
        return []
    return takes_of(footage, where, segments, config, say)


def _camera_of(info: Values, wanted: str | None) -> str:
    cameras = {
        name: feature
        for name, feature in info.get("features", {}).items()
        if feature.get("dtype") in {"video", "image"} and not _is_depth(feature)
    }
    if not cameras:
        raise DataError("the dataset has no camera: no feature is of dtype video or image")
    if wanted is not None:
        lookup(cameras, wanted, "camera")
    return wanted or next(iter(cameras))


def _is_depth(feature: Values) -> bool:
    notes = {**(feature.get("video_info") or {}), **(feature.get("info") or {})}
    return bool(notes.get("is_depth_map") or notes.get("video.is_depth_map"))


def _tasks_of(root: Path) -> dict[int, str]:
    """Return number -> task, from tasks.parquet (v3) or tasks.jsonl (v2 and early v3)."""
    path = root / "meta" / "tasks.parquet"
    if not path.exists():
        rows = _json_lines(root / "meta" / "tasks.jsonl")
        return {int(row["task_index"]): str(row["task"]) for row in rows}
    table = _read_table(path)
    texts = next(name for name in ("task", "__index_level_0__") if name in table.column_names)
    columns = (table.column(name).to_pylist() for name in ("task_index", texts))
    return {int(number): str(text) for number, text in zip(*columns, strict=True)}


def _episodes_of(root: Path) -> list[Values]:
    paths = sorted((root / "meta" / "episodes").glob("*/*.parquet"))
    if not paths:
        return list(_json_lines(root / "meta" / "episodes.jsonl"))
    return [row for path in paths for row in _read_table(path, without="stats/").to_pylist()]


def _json_lines(path: Path) -> Iterator[Values]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise DataError(f"{path} row {number}: no JSON ({error})") from error


def _read_table(path: Path, *, columns: Sequence[str] | None = None, without: str = "") -> Any:
    parquet = require("pyarrow.parquet", extra="data")
    try:
        if without:
            names = parquet.read_schema(path).names
            columns = [name for name in names if not name.startswith(without)]
        return parquet.read_table(path, columns=columns)
    except (OSError, ValueError) as error:
        text = " ".join(str(error).split())
        raise DataError(f"{path.name} cannot be read as Parquet: {text}") from error


@lru_cache(maxsize=4)
def _column(path: Path, name: str) -> Sequence[int]:
    """Return a column of numbers; episodes of one file follow one another."""
    table = _read_table(path, columns=[name])
    if name not in table.column_names:
        raise DataError(f"{path.name} has no column {name!r}")
    numbers: Sequence[int] = table.column(name).to_pylist()
    return numbers


def _place_of(dataset: _Dataset, episode: Values) -> tuple[Footage, float, Path, int, int]:
    """Return footage, when the episode begins in it, and its rows: file, first, number."""
    index, length = int(episode["episode_index"]), int(episode["length"])
    if "data/file_index" in episode:
        numbers = {it: int(episode[f"data/{it}"]) for it in ("chunk_index", "file_index")}
        path = dataset.place("data_path", **numbers)
        first = int(_first_row(path, index))
    else:
        numbers = {"episode_chunk": index // int(dataset.info.get("chunks_size", 1000))}
        numbers["episode_index"] = index
        path, first = dataset.place("data_path", **numbers), 0
    if dataset.info["features"][dataset.camera]["dtype"] == "image":
        name = f"{path.relative_to(dataset.root).as_posix()} episode {index}"
        footage: Footage = ParquetFootage(
            path=path, name=name, column=dataset.camera, first_row=first, num_rows=length,
            rate=dataset.rate,
        )  # fmt: skip
        return footage, 0.0, path, first, length
    key = f"videos/{dataset.camera}"
    begin = float(episode.get(f"{key}/from_timestamp", 0.0))
    if f"{key}/file_index" in episode:
        numbers = {it: int(episode[f"{key}/{it}"]) for it in ("chunk_index", "file_index")}
    video = dataset.place("video_path", **numbers)
    name = video.relative_to(dataset.root).as_posix()
    footage = VideoFootage(path=video, name=name, rate=dataset.rate)
    return footage, begin, path, first, length


def _first_row(path: Path, episode: int) -> int:
    try:
        return _column(path, "episode_index").index(episode)
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path.name} has no rows of it") from error


def _segments_of(
    dataset: _Dataset, where: str, begin: float, tasks: Sequence[int], first: int, rows: int
) -> list[Segment]:
    """Return the runs of one task; the last row is the last frame and begins nothing."""
    numbers = list(tasks[first : first + rows])
    if len(numbers) < rows:
        raise DataError(f"it should have {rows} rows, but has {len(numbers)}")
    unknown = sorted(set(numbers) - set(dataset.tasks))
    if unknown:
        raise DataError(f"its task {unknown[0]} is in no table of tasks")
    segments, row = [], 0
    for number, run in groupby(numbers[:-1]):
        stop = row + len(list(run))
        segments.append(
            Segment(
                where=where,
                start=begin + row / dataset.rate,
                stop=begin + stop / dataset.rate,
                action=" ".join(dataset.tasks[number].split()) or "move",
            )
        )
        row = stop
    return segments
