"""The shards of an import: what each is made of, whether it is finished, and how it is read.

For each shard there is ``account/<shard>.json`` with what is in it and the remarks about what was
left out; it is written last, so a shard that has its account is finished.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from twospeed.core.files import sha256_of, write_json
from twospeed.core.progress import progress
from twospeed.data.episode import Episode
from twospeed.data.importers.account import Account, ShardAccount, read_shard_account
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.plan import Take
from twospeed.data.importers.reading import episodes_of
from twospeed.data.shards import shard_of
from twospeed.data.workers import run_in_processes


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What one shard is made of."""

    takes: tuple[Take, ...]
    seeds: range


def jobs_of(config: ImportConfig, takes: Sequence[Take]) -> dict[str, Job]:
    """Return shard -> what it is made of; a name is the seeds that it may hold."""
    seeds, step = config.seeds_of(len(takes)), config.episodes_per_shard
    jobs = (
        Job(takes=tuple(takes[start : start + step]), seeds=seeds[start : start + step])
        for start in range(0, len(takes), step)
    )
    return {f"{config.name}-{job.seeds[0]:09d}-{job.seeds[-1]:09d}.tar": job for job in jobs}


def account_of(out: Path, name: str) -> Path:
    """Return the file with the account of a shard."""
    return out / "account" / f"{Path(name).stem}.json"


def carry_out(config: ImportConfig, jobs: dict[str, Job], out: Path, workers: int) -> None:
    """Write every shard that is not finished."""
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
    setup: tuple[ImportConfig, Path, dict[str, Job]], names: Iterator[str]
) -> Iterator[int]:
    config, out, jobs = setup
    for name in names:
        job, account, done = jobs[name], Account(), ShardAccount()
        episodes = episodes_of(config, job.takes, job.seeds, account)
        counted = _counted(episodes, dict(zip(job.seeds, job.takes, strict=True)), done)
        first, left = next(counted, None), len(job.takes)
        if first is not None:
            with shard_of(out / name) as add:
                for episode in chain((first,), counted):
                    add(episode)
                    left -= 1
                    yield 1
            done.sha256 = sha256_of(out / name)
        done.remarks = tuple(account.remarks)
        write_json(account_of(out, name), asdict(done))
        yield left


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
    if not account_of(out, name).exists():
        return False
    checksum = read_shard_account(account_of(out, name)).sha256
    return checksum is None or ((out / name).exists() and sha256_of(out / name) == checksum)
