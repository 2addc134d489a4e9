"""Logs of play: Minari datasets (HDF5), flat logs, .npz logs, videos with a log of keys and mouse.

A step of a Minari, flat or .npz log is a frame. Which arrays are what: episodes.py; the words of
actions: words.py.
"""

from itertools import groupby
from pathlib import Path

from twospeed.core.errors import DataError
from twospeed.data.importers.account import Account
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.files import files_of
from twospeed.data.importers.grid import MOST_CHUNKS, takes_of
from twospeed.data.importers.logs.arrays import ArrayFootage
from twospeed.data.importers.logs.episodes import Log, Piece, log_of, logs_in, pieces_of
from twospeed.data.importers.logs.input_logs import is_input_log, plan_input_logs
from twospeed.data.importers.logs.stored import ENDINGS, open_arrays
from twospeed.data.importers.logs.words import full_sizes, names_beside, words_of_steps
from twospeed.data.importers.plan import Segment, Take, action_text
from twospeed.data.importers.tables.rows import tables_in


def plan_gymnasium(source: Path, config: ImportConfig, account: Account) -> list[Take]:
    """Plan the takes of logs of play.

    Raises:
        DataError: when there is no log.
    """
    root = source if source.is_dir() else source.parent
    paths = source.rglob("*") if source.is_dir() else [source]
    logs = files_of(paths, root, ENDINGS, account)
    tables = tables_in(source, account)
    if not logs and not any(map(is_input_log, tables)):
        raise DataError(
            f"{source} holds no .hdf5, no .npz and no .csv or .jsonl of keys (with the columns"
            " video, start, end, input or video, time, event)"
        )
    takes = plan_input_logs(root, tables, config, account) if tables else []
    for path in logs:
        name = path.relative_to(root).as_posix()
        try:
            takes += _takes_in(path, name, config, account)
        except DataError as error:
            line = f"{name}: cannot be read ({error}); skipped"
            account.say(line, kind="logs that cannot be read, skipped")
    return takes


def _takes_in(path: Path, name: str, config: ImportConfig, account: Account) -> list[Take]:
    names = names_beside(path)
    logs = _logs_in(path, name, config, account)
    full = full_sizes([log.actions for log in logs], names, name, account)
    takes = []
    for log in logs:
        where = f"{name} {log.name}".strip()
        try:
            words = words_of_steps(log.actions, names, full, where, account)
            pieces = pieces_of(log)
        except DataError as error:
            _say_unusable(where, error, account)
            continue
        account.num_entries += len(pieces)
        rate = log.rate or config.frames_per_second
        footage = ArrayFootage(path=path, name=where, key=log.frames, rate=rate)
        for number, piece in enumerate(pieces):
            scene = f"{where} episode {number}" if len(pieces) > 1 else where
            segments = _segments_of(words, piece, scene, rate, config, account)
            takes += takes_of(footage, scene, segments, config, account, rate=rate)
    return takes


def _logs_in(path: Path, name: str, config: ImportConfig, account: Account) -> list[Log]:
    """Read the logs of a file; those that cannot be used are named."""
    logs = []
    with open_arrays(path) as arrays:
        for key, below in logs_in(arrays).items():
            try:
                logs.append(log_of(key, below, config.camera))
            except DataError as error:
                _say_unusable(f"{name} {key}".strip(), error, account)
    return logs


def _say_unusable(where: str, error: DataError, account: Account) -> None:
    account.num_entries += 1
    account.say(f"{where}: {error}; skipped", kind="logged episodes that cannot be used, skipped")


def _segments_of(
    words: list[str | None],
    piece: Piece,
    where: str,
    rate: float,
    config: ImportConfig,
    account: Account,
) -> list[Segment]:
    """Cut the steps of an episode into chunks; one with a step that has no words is left out."""
    steps = config.chunk_seconds * rate
    inside = words[piece.first_step : piece.first_step + max(piece.num_frames - 1, 0)]
    count = int(len(inside) / steps + 1e-6)
    if not 0 < count <= MOST_CHUNKS:
        reason = f"too {'many' if count else 'few'} for a chunk of {steps:g}"
        line = f"{where}: {len(inside)} steps are {reason}; skipped"
        account.say(line, kind="logged episodes too short or too long for chunks, skipped")
        return []
    if None in inside:
        account.say(
            f"{where}: {inside.count(None)} of {len(inside)} steps have no action that is a text or"
            f" a number (step {inside.index(None)} first); their chunks are left out",
            kind="logged episodes with steps without an action, their chunks are left out",
        )
    begin, seconds = piece.first_frame / rate, config.chunk_seconds
    segments = []
    for index in range(count):
        first, last = (int(edge * steps + 1e-6) for edge in (index, index + 1))
        in_chunk = inside[first : max(last, first + 1)]
        place = f"{where} step {first}"
        action = _joined(in_chunk, place, account)
        if action is not None:
            start, stop = begin + index * seconds, begin + (index + 1) * seconds
            segments.append(
                Segment(where=place, entry=where, start=start, stop=stop, action=action)
            )
    return segments


def _joined(words: list[str | None], where: str, account: Account) -> str | None:
    """Return the actions of a chunk in their order; None when a step has none."""
    if None in words:
        return None
    try:
        return action_text(", then ".join(word for word, _ in groupby(words) if word))
    except DataError as error:
        account.say(f"{where}: {error}; skipped", kind="chunks whose action cannot be, skipped")
        return None
