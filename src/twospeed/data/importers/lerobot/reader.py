"""LeRobot datasets, v2.0 and v2.1 (a file an episode) and v3.0 (many episodes a file).

Holds: the reader. Holds not: ``meta/`` (meta.py), the rows (rows.py), the writer
(exporters/lerobot.py). The task of every row says what is done from that frame to the next one.
What the notes, the rows and the video say of an episode must agree, else it is left out. Open
X-Embodiment is published in this layout too.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from twospeed.core.errors import DataError
from twospeed.core.progress import progress
from twospeed.core.untrusted import typed_field
from twospeed.data.importers.account import Account
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.grid import takes_of
from twospeed.data.importers.lerobot.meta import Dataset, Index, Values, read_meta
from twospeed.data.importers.lerobot.parquet import ParquetFootage
from twospeed.data.importers.lerobot.rows import DataFile, Rows
from twospeed.data.importers.plan import Footage, Segment, Take, action_text
from twospeed.data.importers.videos import VideoFootage

_WHERE = "meta"
_UNUSABLE = "episodes that cannot be used, skipped"

OpenFile = Callable[[Path], DataFile]


def plan_lerobot(source: Path, config: ImportConfig, account: Account) -> list[Take]:
    """Plan the takes of a LeRobot dataset: runs of one task are segments.

    Raises:
        DataError: when ``meta/`` cannot be read, or has another version.
        UnknownNameError: when there is no such camera.
        MissingExtraError: when pyarrow is not installed.
    """
    dataset, episodes = read_meta(source, config.camera, account)
    open_file = lru_cache(maxsize=4)(DataFile)  # episodes of one file follow one another
    takes = []
    with progress("reading tables", total=len(episodes), unit="episodes") as advance:
        for episode in episodes:
            takes += _takes_of(dataset, episode, open_file, config, account)
            advance()
    account.num_entries += len(episodes)
    takes.sort(key=lambda take: (take.footage.name, take.start))
    return _apart(takes, dataset, account)


def _takes_of(
    dataset: Dataset, episode: Values, open_file: OpenFile, config: ImportConfig, account: Account
) -> list[Take]:
    where = f"episode {episode.get('episode_index')}"
    try:
        index = typed_field(Index, episode, "episode_index", _WHERE)
        length = typed_field(Index, episode, "length", _WHERE)
        path = _file_of(dataset, episode, index)
        rows = open_file(path).rows_of(index, length=length, rate=dataset.rate)
        footage, begin = _footage_of(dataset, episode, index, path, rows)
        segments = _segments_of(dataset, where, begin, rows.tasks)
    except DataError as error:
        account.say(f"{where}: {error}; skipped", kind=_UNUSABLE)
        return []
    return takes_of(footage, where, segments, config, account, rate=dataset.rate)


def _file_of(dataset: Dataset, episode: Values, index: int) -> Path:
    """Return the file with the rows of an episode."""
    if "data/file_index" in episode:
        return dataset.place("data_path", **_numbers_of(episode, "data"))
    return dataset.place("data_path", **_numbers_of_v2(dataset, index))


def _numbers_of(episode: Values, key: str) -> dict[str, int]:
    names = ("chunk_index", "file_index")
    return {it: typed_field(Index, episode, f"{key}/{it}", _WHERE) for it in names}


def _numbers_of_v2(dataset: Dataset, index: int) -> dict[str, int]:
    return {"episode_chunk": index // dataset.chunks_size, "episode_index": index}


def _footage_of(
    dataset: Dataset, episode: Values, index: int, path: Path, rows: Rows
) -> tuple[Footage, float]:
    """Return the footage of an episode, and when it begins there."""
    if not dataset.is_video:
        name = f"{path.relative_to(dataset.root).as_posix()} episode {index}"
        footage = ParquetFootage(
            path=path, name=name, column=dataset.camera, first_row=rows.first,
            num_rows=len(rows.tasks), rate=dataset.rate,
        )  # fmt: skip
        return footage, 0.0
    key, begin = f"videos/{dataset.camera}", 0.0
    numbers = _numbers_of_v2(dataset, index)
    if f"{key}/file_index" in episode:
        numbers = _numbers_of(episode, key)
        begin = _begin_of(dataset, episode, key, len(rows.tasks))
    video = dataset.place("video_path", **numbers)
    name = video.relative_to(dataset.root).as_posix()
    return VideoFootage(path=video, name=name, rate=dataset.rate), begin


def _begin_of(dataset: Dataset, episode: Values, key: str, num_rows: int) -> float:
    """Return when an episode begins in a video that several share."""
    begin, end = (
        typed_field(float, episode, f"{key}/{it}_timestamp", _WHERE) for it in ("from", "to")
    )
    num_frames = (end - begin) * dataset.rate
    if begin < 0 or abs(num_frames - num_rows) > 1:
        raise DataError(
            f"its video lies from {begin:.2f} to {end:.2f} s, which is {num_frames:.0f} frames, but"
            f" it has {num_rows} rows"
        )
    return begin


def _segments_of(
    dataset: Dataset, where: str, begin: float, tasks: Sequence[float]
) -> list[Segment]:
    """Return the runs of one task; the last row is the last frame and begins nothing."""
    lacking = [row for row, task in enumerate(tasks) if math.isnan(task)]
    if lacking:
        raise DataError(f"{len(lacking)} of its rows have no task (row {lacking[0]} first)")
    unknown = sorted(set(tasks) - set(dataset.tasks))
    if unknown:
        raise DataError(f"its task {unknown[0]:g} is in no table of tasks")
    segments, row = [], 0
    for number, run in groupby(tasks[:-1]):
        stop = row + len(list(run))
        segments.append(
            Segment(
                where=where,
                start=begin + row / dataset.rate,
                stop=begin + stop / dataset.rate,
                action=action_text(dataset.tasks[int(number)].strip() or "move"),
            )
        )
        row = stop
    return segments


def _apart(takes: Sequence[Take], dataset: Dataset, account: Account) -> list[Take]:
    """Leave out episodes that share a stretch of a video: one of them is not where it says."""
    wrong: set[str] = set()
    last: Take | None = None
    for take in takes:
        if last is None or take.footage != last.footage:
            last = take
            continue
        if take.scene != last.scene and take.start < last.stop + 0.5 / dataset.rate:
            wrong |= {take.scene, last.scene}
            line = f"{last.scene} and {take.scene}: both lie at {take.start:.2f} s of"
            account.say(f"{line} {take.footage.name}; skipped", kind=_UNUSABLE)
        last = max(last, take, key=lambda it: it.stop)
    return [take for take in takes if take.scene not in wrong]
