"""Recording episodes of a world into shards: parallel, and resumable after a kill at any moment.

Holds: `record`, `explore_episode`, `record_episode`. The shard is the unit: each holds a fixed
range of seeds and has its name only when it is whole, so a recording that is started again makes
the missing ones, and the folder is the same, bit for bit, as if it had never been stopped. Holds
not: what a recording is (recording.py), the processes (workers.py), what lies in a shard
(shards.py).
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twospeed.core.arguments import check_kind
from twospeed.core.errors import ConfigError, DataError, MissingExtraError, lookup
from twospeed.core.fields import checked
from twospeed.core.files import StrPath, as_path
from twospeed.core.progress import progress
from twospeed.core.ranges import Workers
from twospeed.core.runs.claims import cleared_after_mistakes
from twospeed.data.cluster import run_on_cluster
from twospeed.data.episode import Episode
from twospeed.data.index import ShardEntry, write_index
from twospeed.data.policy import POLICIES, ROAMING, SCRIPTED
from twospeed.data.recording import NOTE, WORK, RecordingConfig, claim, missing_shards, owned
from twospeed.data.shards import write_shard
from twospeed.data.workers import Engine, run_in_processes
from twospeed.worlds.base import FastWorld, Observation, ScriptedWorld, World
from twospeed.worlds.rooms.world import Rooms
from twospeed.worlds.routes.rooms import roam

TEST_SEEDS_FROM = 800_000
"""Episodes of this seed and above are for testing: nothing is trained or tuned on them."""


def refuse_testing(seed: int) -> None:
    """Raise a DataError when a seed that is to be learned from is for testing."""
    if seed >= TEST_SEEDS_FROM:
        raise DataError(f"episodes from seed {TEST_SEEDS_FROM} on are for testing: train on others")


ENGINES: Mapping[str, Engine] = {"processes": run_in_processes, "ray": run_on_cluster}
"""Name -> who shares the work out: processes of this machine, or a Ray cluster."""

_MISTAKES = (ConfigError, MissingExtraError)
_POLICY_STREAM = 1
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """What a finished recording holds, and how fast this run of it was."""

    num_episodes: int
    """Episodes in the folder."""

    num_frames: int
    """Frames in the folder."""

    num_bytes: int
    """Size of all shards."""

    num_episodes_before: int
    """Episodes that earlier runs had recorded."""

    frames_per_second: float
    """Frames that this run recorded per second of clock time, start of the processes included."""


def record(
    config: RecordingConfig, out: StrPath, *, workers: int = 1, engine: str = "processes"
) -> Recording:
    """Record a world into the folder `out`, or go on where an earlier run was stopped.

    Ctrl-C leaves whole shards and nothing else. The worlds run in processes of their own, so a
    script calls this under ``if __name__ == "__main__":``.

    Args:
        config: what to record.
        out: a folder of this recording alone.
        workers: how many processes record at the same time.
        engine: a name in `ENGINES`; what is recorded does not depend on it.

    Raises:
        DataError: when `out` holds another recording or is being written by another process, the
            disk is full, or a process dies.
        MissingExtraError: when the engine of the world, or Ray, is not installed.
    """
    check_kind(config, RecordingConfig, "config")
    out = as_path(out, "out")
    workers = checked(workers, Workers, "workers")
    run = lookup(ENGINES, engine, "engine")
    if config.last_seed >= TEST_SEEDS_FROM:
        _log.warning("seeds from %d on are for testing only: train on none", TEST_SEEDS_FROM)
    with owned(out, NOTE):
        claim(config, out)
        with cleared_after_mistakes(out, WORK, (NOTE,), mistakes=_MISTAKES):
            return _record(config, out, run, workers)


def _record(config: RecordingConfig, out: Path, run: Engine, workers: int) -> Recording:
    """Record what is missing in a folder of this recording."""
    missing = missing_shards(config, out)
    before = config.episodes - sum(len(seeds) for seeds in missing.values())
    start = time.monotonic()
    counts = run(_record_jobs, (config, out.absolute()), list(missing), workers=workers)
    _follow(config, counts, before=before)
    seconds = time.monotonic() - start
    return _summary(write_index(out), before, seconds)


def _follow(config: RecordingConfig, counts: Iterator[int], *, before: int) -> None:
    """Show how far the recording has come until it has ended."""
    frames = config.frames_per_episode
    with progress(
        f"recording {config.world}",
        total=config.episodes * frames,
        unit="frames",
        already=before * frames,
    ) as advance:
        for count in counts:
            advance(count * frames)


def _record_jobs(setup: tuple[RecordingConfig, Path], names: Iterator[str]) -> Iterator[int]:
    """Make one world and record shard after shard with it, yielding 1 after every shard's end."""
    config, out = setup
    world = config.make_world()
    try:
        for name in names:
            seeds = config.shards()[name]
            write_shard(out / name, (explore_episode(config, world, seed) for seed in seeds))
            yield len(seeds)
    finally:
        world.close()


def explore_episode(config: RecordingConfig, world: World, seed: int) -> Episode:
    """Record the episode of this seed with the policy of the configuration."""
    generator = np.random.default_rng((seed, _POLICY_STREAM))
    policy = config.policy_of(seed)
    if policy == SCRIPTED:
        return _play_episode(config, world, seed, generator)
    if policy == ROAMING:
        return _roam_episode(config, world, seed, generator)
    actions = POLICIES[policy](list(world.actions), generator, config.chunks)
    return record_episode(
        world, name=config.world, seed=seed, actions=actions, chunk_frames=config.chunk_frames
    )


def _play_episode(
    config: RecordingConfig, world: World, seed: int, generator: np.random.Generator
) -> Episode:
    """Record an episode whose every action is chosen by the world from where it stands."""
    if not isinstance(world, ScriptedWorld):
        raise ConfigError(f"nobody plays {config.world} by a script")
    seen, actions = [world.reset(seed)], []
    for _ in range(config.chunks):
        actions.append(world.suggest(generator))
        seen += [world.step(actions[-1]) for _ in range(config.chunk_frames)]
    return _episode_of(
        world, seen, actions, name=config.world, seed=seed, chunk_frames=config.chunk_frames
    )


def _roam_episode(
    config: RecordingConfig, world: World, seed: int, generator: np.random.Generator
) -> Episode:
    """Record a walk through the rooms of this seed."""
    if not isinstance(world, Rooms):
        raise ConfigError(f"only rooms can be roamed, not {config.world}")
    world.reset(seed)
    start, actions = roam(world.scene, generator, config.chunks)
    seen = [world.place(start), *world.run(actions, chunk_frames=config.chunk_frames)]
    return _episode_of(
        world, seen, actions, name=config.world, seed=seed, chunk_frames=config.chunk_frames
    )


def record_episode(
    world: World, *, name: str, seed: int, actions: Sequence[str], chunk_frames: int = 4
) -> Episode:
    """Record one episode: reset with the seed, then every action for `chunk_frames` steps.

    Args:
        world: any world; afterwards it stands at the end of the episode.
        name: what the world is called.
        seed: the episode.
        actions: canonical texts, one a chunk.
        chunk_frames: steps of every action.

    Raises:
        UnknownNameError: when the world knows no such action.
    """
    seen = [world.reset(seed)]
    if isinstance(world, FastWorld):
        seen += world.run(actions, chunk_frames=chunk_frames)
    else:
        seen += [world.step(action) for action in actions for _ in range(chunk_frames)]
    return _episode_of(world, seen, actions, name=name, seed=seed, chunk_frames=chunk_frames)


def _episode_of(
    world: World,
    seen: Sequence[Observation],
    actions: Sequence[str],
    *,
    name: str,
    seed: int,
    chunk_frames: int,
) -> Episode:
    poses = [(it.pose.x, it.pose.y, it.pose.heading) for it in seen if it.pose is not None]
    objects = [it.objects for it in seen if it.objects is not None]
    return Episode(
        frames=np.stack([it.frame for it in seen]),
        actions=tuple(actions),
        poses=np.array(poses, np.float32) if len(poses) == len(seen) else None,
        objects=tuple(objects) if len(objects) == len(seen) else None,
        world=name,
        seed=seed,
        frames_per_second=world.frames_per_second,
        chunk_frames=chunk_frames,
    )


def _summary(entries: Sequence[ShardEntry], before: int, seconds: float) -> Recording:
    num_episodes = sum(len(entry.seeds) for entry in entries)
    num_frames = sum(entry.num_frames for entry in entries)
    fresh = num_frames * (num_episodes - before) / num_episodes
    return Recording(
        num_episodes=num_episodes,
        num_frames=num_frames,
        num_bytes=sum(entry.num_bytes for entry in entries),
        num_episodes_before=before,
        frames_per_second=fresh / max(seconds, 1e-9),
    )
