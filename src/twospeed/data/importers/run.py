"""Carrying an import out: takes become episodes in shards; it goes on after a kill at any moment.

A shard is the unit, as in recording (jobs.py).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from twospeed.core.config import to_json
from twospeed.core.errors import DataError, lookup
from twospeed.core.fields import checked
from twospeed.core.files import StrPath, as_path, write_json, written_aside
from twospeed.core.folders import note_in
from twospeed.core.ranges import Workers
from twospeed.core.runs.claims import clear, has_work
from twospeed.data.importers.account import Account, Remark, read_shard_account
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.jobs import account_of, carry_out, jobs_of
from twospeed.data.importers.plan import Say, Take
from twospeed.data.importers.registry import FORMATS
from twospeed.data.importers.splitting import LEAST_CHUNKS, split_long, too_few
from twospeed.data.index import write_index
from twospeed.data.recording import WORK, owned

NOTE = "import.json"
"""Says in a folder what is imported there."""

LINES = "left_out.txt"
"""Every line about what was left out or is not as usual."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What an import has brought."""

    num_episodes: int
    """Episodes in the folder."""

    num_planned: int
    """Episodes that the tables promised."""

    num_frames: int
    """Frames in the folder."""

    num_bytes: int
    """Size of all shards."""

    num_chunks: int
    """Actions of all episodes."""

    num_entries: int
    """How many rows or episodes of the source are in the chunks."""

    num_listed: int
    """How many the source lists."""

    seconds: float
    """How much of the footage that the source labels is in the chunks."""

    seconds_listed: float
    """How much it labels."""

    lines: tuple[str, ...]
    """What was left out or is not as usual, a line each."""

    advice: str = ""
    """What to do where nothing can be trained on so little; "" otherwise."""


def import_recordings(
    config: ImportConfig,
    source: StrPath,
    out: StrPath,
    *,
    workers: int = 1,
    say: Say = lambda _: None,
) -> Imported:
    """Import recordings of another format into the folder `out`, or go on where it was stopped.

    Args:
        config: which format, and how footage becomes episodes.
        source: where the recordings lie.
        out: a folder of this import alone.
        workers: how many processes read at the same time.
        say: gets `Account.summary` of `Imported.lines`, also when nothing can be imported.

    Raises:
        DataError: when nothing can be imported, `out` holds anything else, or the disk is full.
        MissingExtraError: when the format needs a package that is not installed.
    """
    source, out = as_path(source, "source"), as_path(out, "out")
    workers = checked(workers, Workers, "workers")
    if not source.exists():
        raise DataError(f"there is no {source}")
    account = Account()
    planned = lookup(FORMATS, config.format, "format").plan(source, config, account)
    takes = split_long(planned, config, account)
    if not takes:
        _say_all(account, say)
        raise DataError(f"nothing in {source} can be imported as {config.format}")
    jobs = jobs_of(config, takes)
    with owned(out, NOTE):
        _claim(config, takes, out)
        carry_out(config, jobs, out, workers)
        done = [read_shard_account(account_of(out, name)) for name in jobs]
        account.remarks += [Remark(*remark) for it in done for remark in it.remarks]
        _say_all(account, say)
        if not any(out.glob("*.tar")):
            raise DataError(f"nothing in {source} can be imported as {config.format}")
        with written_aside(out / LINES) as aside:
            aside.write_text("".join(f"{line}\n" for line in account.lines), encoding="utf-8")
        entries = write_index(out)
        chunks = sum(it.num_chunks for it in done)
        is_alone = sum(len(entry.seeds) for entry in entries) == 1
    return Imported(
        num_episodes=sum(len(entry.seeds) for entry in entries),
        num_planned=len(takes),
        num_frames=sum(entry.num_frames for entry in entries),
        num_bytes=sum(entry.num_bytes for entry in entries),
        num_chunks=chunks,
        num_entries=len({entry for it in done for entry in it.entries}),
        num_listed=account.num_entries,
        seconds=sum(it.seconds for it in done),
        seconds_listed=account.seconds,
        lines=account.lines,
        advice=too_few(chunks, config) if is_alone and chunks < LEAST_CHUNKS else "",
    )


def _say_all(account: Account, say: Say) -> None:
    for line in account.summary():
        say(line)


def _claim(config: ImportConfig, takes: Sequence[Take], out: Path) -> None:
    """Write down what is imported into a new folder, or check that it is the same as before."""
    digest = hashlib.sha256()
    for take in takes:
        path = take.footage.path
        size = path.stat().st_size if path.exists() else None
        parts = (take.footage.name, size, take.start, take.stop, take.actions)
        digest.update(repr(parts).encode())
    wanted, found = to_json(config) | {"plan": digest.hexdigest()}, note_in(out, NOTE)
    if found not in (None, wanted) and has_work(out, WORK):
        raise DataError(
            f"{out} holds another import, or what it was made of has changed: import into a new"
            " folder"
        )
    if found != wanted:
        clear(out, (NOTE, "account/*"))
        write_json(out / NOTE, wanted)
