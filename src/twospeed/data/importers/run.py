"""Carrying an import out: takes become episodes in shards; it goes on after a kill at any moment.

A shard is the unit, as in recording. For each there is ``account/<shard>.json`` with the lines
about what was left out; it is written last, so a shard that has its account is finished.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from twospeed.core.config import to_json
from twospeed.core.errors import DataError, lookup
from twospeed.core.files import sha256_of, write_json, written_aside
from twospeed.core.folders import note_in
from twospeed.core.progress import progress
from twospeed.data.episode import Episode
from twospeed.data.importers.account import Account, Remark, ShardAccount, read_shard_account
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.plan import Say, Take
from twospeed.data.importers.reading import episodes_of
from twospeed.data.importers.registry import FORMATS
from twospeed.data.index import write_index
from twospeed.data.recording import owned
from twospeed.data.shards import write_shard
from twospeed.data.workers import run_in_processes

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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """What one shard is made of."""

    takes: tuple[Take, ...]
    seeds: range


def import_recordings(
    config: ImportConfig, source: Path, out: Path, *, workers: int = 1, say: Say = lambda _: None
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
    if not source.exists():
        raise DataError(f"there is no {source}")
    account = Account()
    takes = lookup(FORMATS, config.format, "format").plan(source, config, account)
    if not takes:
        _say_all(account, say)
        raise DataError(f"nothing in {source} can be imported as {config.format}")
    jobs = _jobs_of(config, takes)
    with owned(out, NOTE):
        _claim(config, takes, out)
        _carry_out(config, jobs, out, workers)
        done = [read_shard_account(_account(out, name)) for name in jobs]
        account.remarks += [Remark(*remark) for it in done for remark in it.remarks]
        _say_all(account, say)
        if not any(out.glob("*.tar")):
            raise DataError(f"nothing in {source} can be imported as {config.format}")
        with written_aside(out / LINES) as aside:
            aside.write_text("".join(f"{line}\n" for line in account.lines), encoding="utf-8")
        entries = write_index(out)
    return Imported(
        num_episodes=sum(len(entry.seeds) for entry in entries),
        num_planned=len(takes),
        num_frames=sum(entry.num_frames for entry in entries),
        num_bytes=sum(entry.num_bytes for entry in entries),
        num_chunks=sum(it.num_chunks for it in done),
        num_entries=len({entry for it in done for entry in it.entries}),
        num_listed=account.num_entries,
        seconds=sum(it.seconds for it in done),
        seconds_listed=account.seconds,
        lines=account.lines,
    )


def _say_all(account: Account, say: Say) -> None:
    for line in account.summary():
        say(line)


def _jobs_of(config: ImportConfig, takes: Sequence[Take]) -> dict[str, _Job]:
    """Return shard -> what it is made of; a name is the seeds that it may hold."""
    seeds, step = config.seeds_of(len(takes)), config.episodes_per_shard
    jobs = (
        _Job(takes=tuple(takes[start : start + step]), seeds=seeds[start : start + step])
        for start in range(0, len(takes), step)
    )
    return {f"{config.name}-{job.seeds[0]:09d}-{job.seeds[-1]:09d}.tar": job for job in jobs}


def _claim(config: ImportConfig, takes: Sequence[Take], out: Path) -> None:
    """Write down what is imported into a new folder, or check that it is the same as before."""
    digest = hashlib.sha256()
    for take in takes:
        path = take.footage.path
        size = path.stat().st_size if path.exists() else None
        parts = (take.footage.name, size, take.start, take.stop, take.actions)
        digest.update(repr(parts).encode())
    wanted, found = to_json(config) | {"plan": digest.hexdigest()}, note_in(out, NOTE)
    if found is None:
        write_json(out / NOTE, wanted)
    elif found != wanted:
        raise DataError(
            f"{out} holds another import, or what it was made of has changed: import into a new"
            " folder"
        )


def _account(out: Path, name: str) -> Path:
    return out / "account" / f"{Path(name).stem}.json"


def _carry_out(config: ImportConfig, jobs: dict[str, _Job], out: Path, workers: int) -> None:
    todo = [name for name in jobs if not _is_done(out, name)]
    total = sum(len(job.takes) for job in jobs.values())
    already = total - sum(len(jobs[name].takes) for name in todo)
    setup = (config, out, {name: jobs[name] for name in todo})
    if min(workers, len(todo)) > 1:
        counts = run_in_processes(_import_jobs, setup, todo, workers=workers)
    else:
        counts = _import_jobs(setup, iter(todo))
    label = f"importing {config.format}"
    with progress(label, total=total, unit="episodes", already=already) as advance:
        for count in counts:
            advance(count)


def _import_jobs(
    setup: tuple[ImportConfig, Path, dict[str, _Job]], names: Iterator[str]
) -> Iterator[int]:
    config, out, jobs = setup
    for name in names:
        job, account, done = jobs[name], Account(), ShardAccount()
        episodes = episodes_of(config, job.takes, job.seeds, account)
        counted = _counted(episodes, dict(zip(job.seeds, job.takes, strict=True)), done)
        first = next(counted, None)
        if first is not None:
            write_shard(out / name, chain((first,), counted))
            done.sha256 = sha256_of(out / name)
        done.remarks = tuple(account.remarks)
        write_json(_account(out, name), asdict(done))
        yield len(job.takes)


def _counted(
    episodes: Iterator[Episode], takes: Mapping[int, Take], done: ShardAccount
) -> Iterator[Episode]:
    """Pass episodes on and note what they hold of their takes."""
    entries: dict[str, None] = {}
    for episode in episodes:
        take, num_chunks = takes[episode.seed], len(episode.actions)
        done.num_chunks += num_chunks
        done.seconds += min(
            num_chunks * episode.chunk_frames / episode.frames_per_second, take.stop - take.start
        )
        entries |= dict.fromkeys(take.entries[:num_chunks])
        done.entries = tuple(entries)
        yield episode


def _is_done(out: Path, name: str) -> bool:
    if not _account(out, name).exists():
        return False
    checksum = read_shard_account(_account(out, name)).sha256
    return checksum is None or ((out / name).exists() and sha256_of(out / name) == checksum)
