"""Videos with a log of keyboard and mouse: tables of stretches, or of single events.

Stretches: the columns video, start, end, input, such as "W 0.4 s, mouse -30 px". Events: the
columns video, time, event, where an event is "press W", "release W" or "move -30 5".
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from twospeed.core.errors import DataError
from twospeed.data.importers.account import Account
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.grid import MOST_CHUNKS, takes_of
from twospeed.data.importers.logs.inputs import Event, event_of, inputs_between, words_of
from twospeed.data.importers.plan import Segment, Take
from twospeed.data.importers.tables.labelled import plan_labelled, scene_of
from twospeed.data.importers.tables.names import video_of, videos_below
from twospeed.data.importers.tables.rows import Columns, Row, headings_in, parse_seconds, read_rows
from twospeed.data.importers.videos import VideoFootage

STRETCHES: Columns = {
    "video": ("video",),
    "start": ("start",),
    "stop": ("end", "stop"),
    "action": ("input", "inputs", "keys"),
}
EVENTS: Columns = {"video": ("video",), "time": ("time",), "event": ("event",)}
_NAMES = (STRETCHES["action"], EVENTS["event"])


def is_input_log(path: Path) -> bool:
    """Say whether a table is a log of keys and mouse, by its headings."""
    return not set(headings_in(path, _NAMES)).isdisjoint(chain(*_NAMES))


def plan_input_logs(
    root: Path, tables: Sequence[Path], config: ImportConfig, account: Account
) -> list[Take]:
    """Plan the takes of tables; those that are no log are named."""
    takes = []
    for table in tables:
        if not is_input_log(table):
            line = f"{table.name} row 1: there is no column 'input' and none 'event'; skipped"
            account.say(line, kind="tables that are no log of keys, skipped")
        elif "event" in headings_in(table, _NAMES):
            takes += _plan_events(root, table, config, account)
        else:
            takes += plan_labelled(table, STRETCHES, config, account, words=words_of)
    return takes


def _plan_events(root: Path, table: Path, config: ImportConfig, account: Account) -> list[Take]:
    takes = []
    for path, events in sorted(_events_in(root, table, account).items()):
        footage = VideoFootage(path=path, name=path.relative_to(root).as_posix())
        segments = _segments_of(footage.name, sorted(events, key=_time_of), config, account)
        takes += takes_of(footage, scene_of(footage), segments, config, account)
    return takes


def _events_in(root: Path, table: Path, account: Account) -> dict[Path, list[Event]]:
    """Return the events of every video that a table names."""
    videos, before = videos_below(root), account.num_entries
    events: dict[Path, list[Event]] = {}
    try:
        for row in read_rows(table, EVENTS, account):
            path = video_of(row, videos, account)
            event = path and _event_of(row, account)
            if path and event:
                events.setdefault(path, []).append(event)
    except DataError as error:
        account.say(f"{error}; skipped", kind="tables that cannot be read, skipped")
    account.num_entries = before + len(events)  # the log of a video is an entry, not an event
    return events


def _event_of(row: Row, account: Account) -> Event | None:
    try:
        time = parse_seconds(row.values["time"])
        return event_of(row.where, time, " ".join(row.values["event"].split()))
    except DataError as error:
        account.say(f"{row.where}: {error}; skipped", kind="events that cannot be read, skipped")
        return None


def _time_of(event: Event) -> float:
    return event.time


def _segments_of(
    name: str, events: Sequence[Event], config: ImportConfig, account: Account
) -> list[Segment]:
    """Sum up the log of a video chunk by chunk, from its start to the last event."""
    seconds = config.chunk_seconds
    count = math.ceil(events[-1].time / seconds - 1e-6) or 1
    if count > MOST_CHUNKS:
        line = f"{events[-1].where}: {count:,} chunks are more than {MOST_CHUNKS:,}; skipped"
        account.say(line, kind="logs of too many chunks, skipped")
        return []
    edges = [index * seconds for index in range(count + 1)]
    segments, faults = [], set()
    for index, inputs in enumerate(inputs_between(events, edges)):
        start, stop = edges[index], edges[index + 1]
        last = bisect_left(events, stop, key=_time_of) - 1
        where = events[max(last, 0)].where
        try:
            words = inputs.words()
        except DataError as error:
            if str(error) not in faults:  # a key is held for many chunks
                faults.add(str(error))
                line = f"{where}: {error}; skipped while it is held"
                account.say(line, kind="keys without a meaning, chunks with them are skipped")
        else:
            segments.append(
                Segment(where=where, start=start, stop=stop, action=words, entry=f"log of {name}")
            )
    return segments
