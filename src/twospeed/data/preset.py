"""Recordings of many worlds at once, such as the 200,000 clips of the preset ``200k``.

Holds: `PRESETS`, `plan`, `Job`, `forecast`, `record_all`. A plan is a list of recordings, one
folder each (``train/WORLD``, ``test/WORLD``), so it goes on where it was stopped. Holds not: the
recording of one world (recorder.py).
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from twospeed.core.errors import ConfigError, MissingExtraError
from twospeed.data.lossless import pack_frames
from twospeed.data.recorder import TEST_SEEDS_FROM, Recording, explore_episode, record
from twospeed.data.recording import RecordingConfig
from twospeed.worlds.registry import WORLDS, is_installed

PRESETS: Mapping[str, Mapping[str, int]] = {
    "200k": {
        "rooms": 20_000,
        "doom": 35_000,
        "crafter": 45_000,
        "fetch": 45_000,
        "carracing": 35_000,
        "duckietown": 20_000,
        "humanoid": 35_000,
        "minetest": 10_000,
        "memory_maze": 10_800,
    }
}
"""Name -> world -> clips for training; a clip is one chunk with its action and its past."""

TEST_SHARE = 0.05
"""Clips for testing, in scenes (seeds) that training never sees, for every clip for training."""

_EPISODES_PER_SHARD = 8  # what a kill can cost, in the slowest worlds some minutes


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One recording of a plan."""

    split: str
    """Train or test."""

    config: RecordingConfig
    """What is recorded."""

    @property
    def clips(self) -> int:
        """Clips of all its episodes."""
        return self.config.episodes * self.config.chunks

    def folder(self, out: Path) -> Path:
        """Return where it lies below `out`."""
        return out / self.split / self.config.world


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What recording one world will take, measured by recording one episode of it."""

    world: str
    clips: int
    """Clips of all splits."""

    frames_per_second: float
    """One process; start of an episode, steps, drawing and lossless packing are in the clock."""

    bytes_per_clip: float
    """Of the packed video."""

    seconds: float
    """For all clips, with so many processes as were asked for."""

    @property
    def num_bytes(self) -> float:
        """Disk for all clips."""
        return self.bytes_per_clip * self.clips


def plan(
    clips: Mapping[str, int], *, share: float = 1.0, frame_size: int = 64
) -> tuple[list[Job], dict[str, str]]:
    """Lay out the recordings of a preset.

    Args:
        clips: world -> clips for training, a value of `PRESETS`.
        share: records this part of it, above 0 to 1; at least one episode of every world.
        frame_size: height and width of the frames in pixels.

    Returns:
        The jobs of the worlds that are installed, and for every other world its install line.

    Raises:
        ConfigError: when `share` is outside its range.
    """
    if not 0 < share <= 1:
        raise ConfigError(f"share must be above 0 and at most 1, got {share}")
    jobs = []
    for world, count in clips.items():
        if is_installed(WORLDS[world].about):
            train = math.ceil(count * share / WORLDS[world].about.chunks)
            jobs.append(_job("train", world, train, 0, frame_size))
            test = math.ceil(train * TEST_SHARE)
            jobs.append(_job("test", world, test, TEST_SEEDS_FROM, frame_size))
    planned = {job.config.world for job in jobs}
    missing = {name: WORLDS[name].about.install for name in clips if name not in planned}
    return jobs, missing


def _job(split: str, world: str, episodes: int, first_seed: int, frame_size: int) -> Job:
    about = WORLDS[world].about
    config = RecordingConfig(
        world=world,
        episodes=episodes,
        first_seed=first_seed,
        chunks=about.chunks,
        frame_size=frame_size,
        policy=about.policy,
        episodes_per_shard=_EPISODES_PER_SHARD,
    )
    return Job(split=split, config=config)


def forecast(jobs: Sequence[Job], *, workers: int = 1) -> list[Forecast]:
    """Measure every world of a plan by one episode of it, and say what the whole will take.

    Raises:
        MissingExtraError: when an engine cannot start here.
    """
    clips: dict[str, int] = {}
    for job in jobs:
        clips[job.config.world] = clips.get(job.config.world, 0) + job.clips
    firsts = {job.config.world: job.config for job in reversed(jobs)}
    return [_forecast_of(firsts[world], count, workers) for world, count in clips.items()]


def _forecast_of(config: RecordingConfig, clips: int, workers: int) -> Forecast:
    world = config.make_world()
    try:
        start = time.perf_counter()
        episode = explore_episode(config, world, config.first_seed)
        packed = pack_frames(episode.frames, frames_per_second=episode.frames_per_second)
        seconds = time.perf_counter() - start
    finally:
        world.close()
    return Forecast(
        world=config.world,
        clips=clips,
        frames_per_second=len(episode.frames) / seconds,
        bytes_per_clip=len(packed) / config.chunks,
        seconds=seconds / config.chunks * clips / workers,
    )


def record_all(
    jobs: Sequence[Job], out: Path, *, workers: int = 1, engine: str = "processes"
) -> Iterator[tuple[Job, Recording]]:
    """Carry out a plan, or go on where it was stopped; yields every recording when it is whole.

    Args:
        jobs: what `plan` gave, the same every time.
        out: a folder of this plan alone.
        workers: how many processes record one world at the same time.
        engine: who shares the work out, as in `record`.

    Raises:
        DataError: as `record` does.
        MissingExtraError: when an engine cannot start.
    """
    for job in jobs:
        try:
            yield job, record(job.config, job.folder(out), workers=workers, engine=engine)
        except MissingExtraError as error:
            raise MissingExtraError(f"{job.config.world}: {error}") from error
