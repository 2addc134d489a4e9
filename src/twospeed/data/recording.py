"""What a recording is, and how its folder is claimed: one recording, one process at a time.

Holds: `RecordingConfig`, `owned`, `claim`, `missing_shards`. Holds not: the recording of a frame.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from twospeed.core.capacity import check_fits
from twospeed.core.config import to_json
from twospeed.core.errors import ConfigError, DataError, lookup
from twospeed.core.fields import check_fields, shown
from twospeed.core.files import sweep, write_json
from twospeed.core.folders import note_in
from twospeed.core.ranges import ChunkFrames, Count, EpisodeSeed, FrameSize, Within
from twospeed.core.runs.claims import has_work
from twospeed.core.runs.locks import held
from twospeed.data.index import check_shard, read_index
from twospeed.data.policy import POLICIES, ROAMING, SCRIPTED
from twospeed.data.shards import read_notes
from twospeed.worlds.base import World
from twospeed.worlds.registry import WORLDS, check_options, make_world

_WHO_STREAM = 2

WORK = ("*.tar",)
"""What is worth keeping in a folder of shards."""

NOTE = "recording.json"
"""Says in a folder what is recorded there."""

_ALWAYS_BEFORE: Mapping[str, Any] = {"world_options": {}}
"""What recordings of earlier versions do not say."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordingConfig:
    """What is recorded. The same configuration gives the same files."""

    world: str
    """A name in `twospeed.worlds.registry.WORLDS`."""

    episodes: Annotated[int, Within(1, 10_000_000)]
    """How many episodes; their seeds follow one another."""

    first_seed: EpisodeSeed = 0
    """The seed of the first episode; from 800,000 on they are for testing only."""

    chunks: Annotated[int, Within(1, 100_000)] = 20
    """Actions of one episode."""

    chunk_frames: ChunkFrames = 4
    """Frames of one action."""

    frame_size: FrameSize = 64
    """Height and width of the frames in pixels."""

    policy: str = "explore"
    """Who chooses the actions: a name in `twospeed.data.policy.POLICIES`, "scripted" or "roam", or
    several with + between, such as "revisit+roam", of which every seed draws one."""

    episodes_per_shard: Count = 32
    """Episodes of one file; at most so many are recorded again after a kill, per worker."""

    world_options: Mapping[str, int | str] = field(default_factory=dict)
    """What the world takes beside the size of its frames, such as ``{"blocks": 2}`` of fetch."""

    def __post_init__(self) -> None:
        check_fields(self)
        world = lookup(WORLDS, self.world, "world")
        check_options(self.world, self.world_options)
        for policy in self.policy.split("+"):
            lookup({**POLICIES, SCRIPTED: None, ROAMING: None}, policy, "policy")
            if policy == ROAMING and self.world != "rooms":
                raise ConfigError(f"only rooms can be roamed, not {self.world}: try explore")
            if policy == SCRIPTED and not world.has_script:
                raise ConfigError(f"nobody plays {self.world} by a script: take the policy explore")
        num_bytes = 3 * self.frames_per_episode * self.frame_size**2
        check_fits(2 * num_bytes, f"an episode of {self.frames_per_episode:,} frames")

    @property
    def frames_per_episode(self) -> int:
        """The first frame and those of all actions."""
        return 1 + self.chunks * self.chunk_frames

    @property
    def last_seed(self) -> int:
        """The seed of the last episode."""
        return self.first_seed + self.episodes - 1

    def policy_of(self, seed: int) -> str:
        """Return who chooses the actions in the episode of this seed.

        Drawn, not in turn: the last episode of a shard, which training holds out, must not always
        be the same one's.
        """
        names = self.policy.split("+")
        return names[int(np.random.default_rng((seed, _WHO_STREAM)).integers(len(names)))]

    def make_world(self) -> World:
        """Build the world that is recorded.

        Raises:
            MissingExtraError: when its engine is not installed.
            ConfigError: when it cannot make such frames, or an option is outside its range.
        """
        return make_world(self.world, frame_size=self.frame_size, **self.world_options)

    def shards(self) -> dict[str, range]:
        """Return file name -> seeds, for every shard of the recording."""
        step, end = self.episodes_per_shard, self.last_seed + 1
        starts = range(self.first_seed, end, step)
        ranges = [range(start, min(start + step, end)) for start in starts]
        return {f"{self.world}-{seeds[0]:09d}-{seeds[-1]:09d}.tar": seeds for seeds in ranges}


@contextmanager
def owned(out: Path, note: str) -> Iterator[None]:
    """Hold a folder, and sweep what a kill left there.

    Args:
        out: the folder; made if it is not there.
        note: the file that claims it; a folder that holds others and not this one is not swept.

    Raises:
        DataError: when the folder cannot be made, holds anything else, or another process holds it.
    """
    with held(out, "record into"):
        note_in(out, note)
        sweep(out)
        try:
            yield
        finally:
            sweep(out)


def claim(config: RecordingConfig, out: Path) -> None:
    """Write down what is recorded into a new folder, or check that it is the same as before.

    Raises:
        DataError: when the folder holds anything else.
    """
    wanted, note = to_json(config), note_in(out, NOTE)
    found = wanted if note is None else {**_ALWAYS_BEFORE, **note}
    different = [
        f"{name} {shown(found.get(name))} instead of {value!r}"
        for name, value in sorted(wanted.items())
        if found.get(name) != value
    ]
    if different and has_work(out, WORK):
        raise DataError(
            f"{out} holds another recording ({', '.join(different)}): record into a new folder"
        )
    write_json(out / NOTE, wanted)


def missing_shards(config: RecordingConfig, out: Path) -> dict[str, range]:
    """Return the shards that have to be recorded; a damaged one is named in a warning."""
    known = {}
    if (out / "index.json").exists():
        known = {entry.name: entry for entry in read_index(out)}
    missing = {}
    for name, seeds in config.shards().items():
        path = out / name
        try:
            if name in known:
                check_shard(path, known[name])
            whole = path.exists() and [note.seed for note in read_notes(path)] == list(seeds)
        except DataError as error:
            _log.warning("shard %s is recorded again: %s", path, error)
            whole = False
        if not whole:
            missing[name] = seeds
    return missing
