"""The folder ``meta/`` of a LeRobot dataset: what it holds, tasks, episodes, statistics."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from twospeed.core.files import write_json
from twospeed.data.exporters.lerobot_files import (
    CAMERA,
    DATA_FILE_MEGABYTES,
    FILES_PER_CHUNK,
    PLACE,
    VIDEO_FILE_MEGABYTES,
    place_of,
    pyarrow_modules,
)
from twospeed.data.exporters.lerobot_stats import Stats

STATE = "observation.state"
_NUMBERS = ("frame_index", "episode_index", "index", "task_index")


@dataclass(slots=True)
class Dataset:
    """What is known of the dataset while it is written."""

    rate: Fraction
    shape: tuple[int, ...] = ()
    with_poses: bool = True
    tasks: dict[str, int] = field(default_factory=dict)
    episodes: list[dict[str, Any]] = field(default_factory=list)
    stats: Stats = field(default_factory=dict)
    num_frames: int = 0


def write_meta(root: Path, dataset: Dataset, *, world: str, num_train: int) -> None:
    """Write all of ``meta/``; the first `num_train` episodes are for training."""
    pyarrow, parquet = pyarrow_modules()
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
        "data_path": f"data/{PLACE}.parquet",
        "video_path": f"videos/{{video_key}}/{PLACE}.mp4",
        "features": _features_of(dataset),
    }
    write_json(root / "meta" / "info.json", info)
    write_json(root / "meta" / "stats.json", dataset.stats)
    _write_tasks(root / "meta" / "tasks.parquet", list(dataset.tasks))
    path = root / "meta" / "episodes" / f"{place_of(0)}.parquet"
    path.parent.mkdir(parents=True)
    parquet.write_table(pyarrow.Table.from_pylist(dataset.episodes), path)


def _features_of(dataset: Dataset) -> dict[str, Any]:
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
    pyarrow, parquet = pyarrow_modules()
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
