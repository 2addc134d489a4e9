"""Videos with a table of labels: any folder of videos, and EPIC-KITCHENS.

``videos``: every .csv and .jsonl in the folder, with the columns video, start, end, action.
``epic-kitchens``: the annotation tables as they are published (video_id, start_timestamp,
stop_timestamp, narration), the videos anywhere below the folder, such as ``P01/videos/P01_01.MP4``.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from twospeed.core.errors import DataError
from twospeed.core.video_header import ENDINGS
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.plan import Say, Segment, Take, takes_of
from twospeed.data.importers.tables import Columns, Row, parse_seconds, read_rows, tables_in
from twospeed.data.importers.videos import VideoFootage

LABELS: Columns = {
    "video": ("video", "file", "path"),
    "start": ("start",),
    "stop": ("end", "stop"),
    "action": ("action", "text", "action_text", "narration"),
}
EPIC_KITCHENS: Columns = {
    "video": ("video_id",),
    "start": ("start_timestamp",),
    "stop": ("stop_timestamp",),
    "action": ("narration",),
}

Videos = Mapping[str, list[Path]]
"""A way to name a video -> the paths that it may mean."""

Words = Callable[[str], str]
"""Turns what a table says into an action in words; raises `DataError` when it cannot."""


def plan_videos(source: Path, config: ImportConfig, say: Say) -> list[Take]:
    """Plan the takes of a folder of videos with tables of labels."""
    return plan_labelled(source, LABELS, config, say)


def plan_epic_kitchens(source: Path, config: ImportConfig, say: Say) -> list[Take]:
    """Plan the takes of EPIC-KITCHENS annotations and videos."""
    return plan_labelled(source, EPIC_KITCHENS, config, say)


def plan_labelled(
    source: Path, columns: Columns, config: ImportConfig, say: Say, *, words: Words = str
) -> list[Take]:
    """Plan the takes of videos with tables of labels.

    Args:
        source: a folder that holds tables and videos, or a table beside its videos.
        columns: of the tables.
        config: how footage becomes episodes.
        say: gets a line for all that is left out.
        words: turns what stands in the column of actions into an action.

    Raises:
        DataError: when there is no table.
    """
    tables = tables_in(source)
    if not tables:
        raise DataError(f"{source} holds no .csv or .jsonl: write one with {_headings(columns)}")
    root = source if source.is_dir() else source.parent
    videos = videos_below(root)
    segments: dict[Path, list[Segment]] = {}
    for table in tables:
        try:
            for row in read_rows(table, columns, say):
                path = video_of(row, videos, say)
                segment = path and _segment_of(row, words, say)
                if path and segment:
                    segments.setdefault(path, []).append(segment)
        except DataError as error:
            say(f"{error}; skipped")
    takes = []
    for path, found in sorted(segments.items()):
        footage = VideoFootage(path=path, name=path.relative_to(root).as_posix())
        takes += takes_of(footage, scene_of(footage), found, config, say)
    return takes


def scene_of(footage: VideoFootage) -> str:
    """Return the scene of a video: its name without the ending."""
    return Path(footage.name).with_suffix("").as_posix()


def video_of(row: Row, videos: Videos, say: Say) -> Path | None:
    """Return the file of the video that a row names, or say why there is none."""
    name = Path(row.values["video"]).as_posix()
    found = videos.get(name, [])
    if not found:
        say(f"{row.where}: there is no video {name!r}; skipped")
    elif len(found) > 1:
        folders = ", ".join(sorted(path.parent.name for path in found))
        say(f"{row.where}: there is a video {name!r} in each of {folders}: name it so; skipped")
    return found[0] if len(found) == 1 else None


def videos_below(folder: Path) -> Videos:
    """Return every way to name a video below a folder -> the paths that it may mean."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in ENDINGS and path.is_file():
            relative = path.relative_to(folder)
            short = {path.stem, path.name, relative.with_suffix("").as_posix()}
            for name in short - {relative.as_posix()}:
                found.setdefault(name, []).append(path)
    for path in {path for paths in found.values() for path in paths}:
        found[path.relative_to(folder).as_posix()] = [path]
    return found


def _segment_of(row: Row, words: Words, say: Say) -> Segment | None:
    try:
        return Segment(
            where=row.where,
            start=parse_seconds(row.values["start"]),
            stop=parse_seconds(row.values["stop"]),
            action=words(row.values["action"]),
        )
    except DataError as error:
        say(f"{row.where}: {error}; skipped")
        return None


def _headings(columns: Columns) -> str:
    return "the columns " + ", ".join(names[0] for names in columns.values())
