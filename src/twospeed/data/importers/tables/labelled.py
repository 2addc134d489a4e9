"""Videos with a table of labels: any folder of videos, and EPIC-KITCHENS.

``videos``: every .csv and .jsonl in the folder, with the columns video, start, end, action.
``epic-kitchens``: the annotation tables as they are published (video_id, start_timestamp,
stop_timestamp, narration), the videos anywhere below the folder, such as ``P01/videos/P01_01.MP4``.
"""

from collections.abc import Callable
from pathlib import Path

from twospeed.core.errors import DataError
from twospeed.data.importers.account import Account
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.grid import takes_of
from twospeed.data.importers.plan import Segment, Take, action_text
from twospeed.data.importers.tables.names import video_of, videos_below
from twospeed.data.importers.tables.rows import Columns, Row, parse_seconds, read_rows, tables_in
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

Words = Callable[[str], str]
"""Turns what a table says into an action in words; raises `DataError` when it cannot."""


def plan_videos(source: Path, config: ImportConfig, account: Account) -> list[Take]:
    """Plan the takes of a folder of videos with tables of labels."""
    return plan_labelled(source, LABELS, config, account)


def plan_epic_kitchens(source: Path, config: ImportConfig, account: Account) -> list[Take]:
    """Plan the takes of EPIC-KITCHENS annotations and videos."""
    return plan_labelled(source, EPIC_KITCHENS, config, account)


def plan_labelled(
    source: Path, columns: Columns, config: ImportConfig, account: Account, *, words: Words = str
) -> list[Take]:
    """Plan the takes of videos with tables of labels.

    Args:
        source: a folder that holds tables and videos, or a table beside its videos.
        columns: of the tables.
        config: how footage becomes episodes.
        account: of all that is left out.
        words: turns what stands in the column of actions into an action.

    Raises:
        DataError: when there is no table.
    """
    tables = tables_in(source, account)
    if not tables:
        raise DataError(f"{source} holds no .csv or .jsonl: write one with {_headings(columns)}")
    root = source if source.is_dir() else source.parent
    videos = videos_below(root)
    segments: dict[Path, list[Segment]] = {}
    for table in tables:
        try:
            for row in read_rows(table, columns, account):
                path = video_of(row, videos, account)
                segment = path and _segment_of(row, words, account)
                if path and segment:
                    segments.setdefault(path, []).append(segment)
        except DataError as error:
            account.say(f"{error}; skipped", kind="tables that cannot be read, skipped")
    takes = []
    for path, found in sorted(segments.items()):
        footage = VideoFootage(path=path, name=path.relative_to(root).as_posix())
        takes += takes_of(footage, scene_of(footage), found, config, account)
    return takes


def scene_of(footage: VideoFootage) -> str:
    """Return the scene of a video: its name without the ending."""
    return Path(footage.name).with_suffix("").as_posix()


def _segment_of(row: Row, words: Words, account: Account) -> Segment | None:
    try:
        return Segment(
            where=row.where,
            start=parse_seconds(row.values["start"]),
            stop=parse_seconds(row.values["stop"]),
            action=action_text(words(row.values["action"])),
        )
    except DataError as error:
        account.say(f"{row.where}: {error}; skipped", kind="rows that cannot be read, skipped")
        return None


def _headings(columns: Columns) -> str:
    return "the columns " + ", ".join(names[0] for names in columns.values())
