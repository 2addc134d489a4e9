"""The folder ``meta/`` of a LeRobot dataset: its info, its tasks, and where its episodes lie."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from twospeed.core.errors import DataError, lookup
from twospeed.core.fields import shown
from twospeed.core.files import read_json
from twospeed.core.ranges import Count, FramesPerSecond, Within
from twospeed.core.strangers.places import check_inside, place_below
from twospeed.core.untrusted import typed_field
from twospeed.data.importers.account import Account
from twospeed.data.importers.lerobot.parquet import read_table
from twospeed.data.importers.tables.rows import read_objects

VERSIONS = ("v2.0", "v2.1", "v3.0")
INFO = "meta/info.json"

Values = Mapping[str, Any]
Index = Annotated[int, Within(0, 10**9)]
"""Number of an episode, a task, a file."""

_FIELD = re.compile(r"{(\w+)(?::0?(\d)d)?}")
_CHUNK_SIZE = 1000
_TEXTS = ("task", "__index_level_0__")


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """What ``meta/`` says."""

    root: Path
    info: Values
    tasks: Mapping[int, str]
    camera: str
    is_video: bool
    """Whether the camera is in video files; else its pictures are in the tables."""

    rate: float
    """Frames per second."""

    chunks_size: int
    """Episodes of a folder, in version 2."""

    def place(self, template: str, **numbers: int) -> Path:
        """Fill in one of the templates of ``info.json``.

        Raises:
            DataError: when it is no template of a path below the dataset.
        """
        text = typed_field(str, self.info, template, INFO)
        known = {"video_key": self.camera, **numbers}

        def filled(match: re.Match[str]) -> str:
            if match[1] not in known:
                raise DataError(f"{INFO}: {template} has an unknown field: {shown(text)}")
            return str(known[match[1]]).zfill(int(match[2] or 0))

        path = _FIELD.sub(filled, text)
        if re.search(r"[{}]", path):
            raise DataError(f"{INFO}: {template} is no place below the dataset: {shown(text)}")
        return place_below(self.root, path, f"{INFO}: {template}")


def read_meta(root: Path, wanted: str | None, account: Account) -> tuple[Dataset, list[Values]]:
    """Read ``meta/``: the dataset and its episodes.

    Args:
        root: the folder of the dataset.
        wanted: the camera; None takes the first one.
        account: of what is left out.

    Raises:
        DataError: when it cannot be read, or has another version.
        UnknownNameError: when there is no such camera.
        MissingExtraError: when pyarrow is not installed.
    """
    info = read_json(root / INFO)
    version = info.get("codebase_version")
    if version not in VERSIONS:
        raise DataError(
            f"{root} is a LeRobot dataset {shown(version)}, this reads {', '.join(VERSIONS)}"
        )
    camera, is_video = _camera_of(info, wanted)
    dataset = Dataset(
        root=root,
        info=info,
        tasks=_tasks_of(root, account),
        camera=camera,
        is_video=is_video,
        rate=typed_field(FramesPerSecond, info, "fps", INFO),
        chunks_size=typed_field(Count, {"chunks_size": _CHUNK_SIZE} | info, "chunks_size", INFO),
    )
    episodes = list(_episodes_of(root, account))
    promised = info.get("total_episodes", len(episodes))
    if promised != len(episodes):
        line = f"{INFO}: it counts {shown(promised)} episodes, meta lists {len(episodes)}"
        account(line)
    return dataset, episodes


def _camera_of(info: Values, wanted: str | None) -> tuple[str, bool]:
    """Return the name of the camera, and whether it is in video files."""
    features = typed_field(Mapping[str, Mapping[str, Any]], info, "features", INFO)  # type: ignore[type-abstract]
    kinds = {name: feature.get("dtype") for name, feature in features.items()}
    cameras = {
        name: kind == "video"
        for name, kind in kinds.items()
        if kind in ("video", "image") and not _is_depth(features[name])
    }
    if not cameras:
        raise DataError("the dataset has no camera: no feature is of dtype video or image")
    name = next(iter(cameras)) if wanted is None else wanted
    return name, lookup(cameras, name, "camera")


def _is_depth(feature: Values) -> bool:
    notes = [feature.get(name) for name in ("video_info", "info")]
    names = ("is_depth_map", "video.is_depth_map")
    return any(isinstance(note, dict) and any(map(note.get, names)) for note in notes)


def _tasks_of(root: Path, account: Account) -> dict[int, str]:
    """Return number -> task, from tasks.parquet (v3) or tasks.jsonl (v2 and early v3)."""
    path = root / "meta" / "tasks.parquet"
    if not path.exists():
        rows = list(_objects_in(root / "meta" / "tasks.jsonl", ("task_index", "task"), account))
    else:
        table = read_table(path)
        texts = _column_of_texts(path, table)
        rows = [
            (
                f"tasks.parquet row {number}",
                {"task_index": row.get("task_index"), "task": row[texts]},
            )
            for number, row in enumerate(table.to_pylist())
        ]
    tasks = {}
    for where, row in rows:
        try:
            number = typed_field(Index, row, "task_index", where)
            tasks[number] = typed_field(str, row, "task", where)
        except DataError as error:
            account.say(f"{error}; skipped", kind="tasks that cannot be read, skipped")
    return tasks


def _column_of_texts(path: Path, table: Any) -> str:
    """Return the column of tasks: by its name, or as the one that holds texts."""
    texts = [field.name for field in table.schema if str(field.type) in ("string", "large_string")]
    named = [name for name in _TEXTS if name in texts]
    if not named and len(texts) != 1:
        raise DataError(
            f"{path.name}: no column 'task' of texts (columns: {', '.join(table.column_names)})"
        )
    return (named or texts)[0]


def _episodes_of(root: Path, account: Account) -> Iterator[Values]:
    paths = sorted((root / "meta" / "episodes").glob("*/*.parquet"))
    if not paths:
        found = _objects_in(root / "meta" / "episodes.jsonl", ("episode_index", "length"), account)
        yield from (values for _, values in found)
    for path in paths:
        check_inside(path, root, "a table of episodes")
        yield from read_table(path, without="stats/").to_pylist()


def _objects_in(
    path: Path, wanted: Sequence[str], account: Account
) -> Iterator[tuple[str, Values]]:
    """Yield the rows that have all of `wanted`; every other one is named."""
    before = account.num_entries
    for where, values in read_objects(path, account):
        lacks = [name for name in wanted if name not in values]
        if lacks:
            line = f"{where}: there is no {lacks[0]!r}; skipped"
            account.say(line, kind=f"rows of {path.name} without a column, skipped")
        else:
            yield where, values
    account.num_entries = before  # episodes are counted, not the rows of notes
