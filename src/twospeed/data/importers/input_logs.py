"""Videos with a log of keyboard and mouse: tables of stretches, or of single events.

Stretches: the columns video, start, end, input, such as "W 0.4 s, mouse -30 px". Events: the
columns video, time, event, where an event is "press W", "release W" or "move -30 5".
"""

import math
from collections.abc import Sequence
from pathlib import Path

from twospeed.core.errors import DataError
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.inputs import Event, event_of, inputs_between, words_of
from twospeed.data.importers.labelled import plan_labelled, scene_of, video_of, videos_below
from twospeed.data.importers.plan import Say, Segment, Take, takes_of
from twospeed.data.importers.tables import Columns, parse_seconds, read_rows
from twospeed.data.importers.videos import VideoFootage

STRETCHES: Columns = {
    "video": ("video",),
    "start": ("start",),
    "stop": ("end", "stop"),
    "action": ("input", "inputs", "keys"),
}
EVENTS: Columns = {"video": ("video",), "time": ("time",), "event": ("event",)}


def is_input_log(path: Path) -> bool:
    """Say whether a table is a log of keys and mouse, by its first line."""
    with path.open("rb") as file:
        first = file.readline().lower()
    names = [name.encode() for name in (*STRETCHES["action"], "event")]
    return any(name in first for name in names)


def plan_input_logs(
    root: Path, tables: Sequence[Path], config: ImportConfig, say: Say
) -> list[Take]:
    """Plan the takes of tables; those that are no log are named."""
    takes = []
    for table in tables:
        if not is_input_log(table):
            say(f"{table.name} row 1: there is no column 'input' and none 'event'; skipped")
            continue
        with table.open("rb") as file:
            of_events = b"event" in file.readline().lower()
        if of_events:
            takes += _plan_events(root, table, config, say)
        else:
            takes += plan_labelled(table, STRETCHES, config, say, words=words_of)
    return takes


def _plan_events(root: Path, table: Path, config: ImportConfig, say: Say) -> list[Take]:
    videos = videos_below(root)
    events: dict[Path, list[Event]] = {}
    try:
        for row in read_rows(table, EVENTS, say):
            path = video_of(row, videos, say)
            if path:
                try:
                    time = parse_seconds(row.values["time"])
                    event = event_of(row.where, time, row.values["event"])
                except DataError as error:
                    say(f"{row.where}: {error}; skipped")
                else:
                    events.setdefault(path, []).append(event)
    except DataError as error:
        say(f"{error}; skipped")
    takes = []
    for path, found in sorted(events.items()):
        footage = VideoFootage(path=path, name=path.relative_to(root).as_posix())
        segments = _segments_of(sorted(found, key=lambda it: it.time), config, say)
        takes += takes_of(footage, scene_of(footage), segments, config, say)
    return takes


def _segments_of(events: Sequence[Event], config: ImportConfig, say: Say) -> list[Segment]:
    """Sum up a log chunk by chunk, from the start of the video to the last event."""
    seconds = config.chunk_seconds
    count = math.ceil(events[-1].time / seconds - 1e-6) or 1
    edges = [index * seconds for index in range(count + 1)]
    segments = []
    for index, inputs in enumerate(inputs_between(events, edges)):
        inside = [it for it in events if it.time < edges[index + 1]]
        where = inside[-1].where if inside else events[0].where
        try:
            words = inputs.words()
        except DataError as error:
            say(f"{where}: {error}; skipped")
        else:
            start, stop = edges[index], edges[index + 1]
            segments.append(Segment(where=where, start=start, stop=stop, action=words))
    return segments
