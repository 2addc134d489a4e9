"""Where episodes come from: recorded shards, or a world that is walked on the spot.

A source names groups of episodes and reads one group at a time, so that work on it can be shared
out and resumed. The last episode of a group is held out: nothing is trained on it, and what is
measured during training is measured on it.
"""

import itertools
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.core.progress import progress
from twospeed.core.video import Frames
from twospeed.data.episode import Episode
from twospeed.data.index import ShardEntry
from twospeed.data.recorder import explore_episode
from twospeed.data.recording import RecordingConfig
from twospeed.data.shards import read_notes, read_shard
from twospeed.data.streaming import index_at, shard_at
from twospeed.data.survey import folders_below
from twospeed.training.data.parting import parted
from twospeed.worlds.registry import WORLDS

_LOOKED_AT = 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What a source holds."""

    origin: str
    """Where it was recorded, in words for a model card."""

    num_episodes: int
    """Episodes, with those held out."""

    num_frames: int
    """Frames of all episodes."""

    first_seed: int
    """Smallest seed."""

    last_seed: int
    """Greatest seed."""


class EpisodeSource(Protocol):
    """Episodes in named groups."""

    def groups(self) -> dict[str, str]:
        """Return group -> fingerprint; another fingerprint means other episodes."""
        ...

    def read(self, group: str) -> Iterator[Episode]:
        """Stream the episodes of a group.

        Raises:
            DataError: when it is damaged.
        """
        ...

    def contents(self) -> Contents:
        """Count what it holds, without reading a frame."""
        ...

    def rates(self) -> set[float]:
        """Return the frames per second of some episodes, spread over the groups."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardSource:
    """Recorded shards; each is a group."""

    folder: Path | str
    """Where ``index.json`` lies: a folder, or any URL that fsspec opens; or a folder of such
    folders, as ``twospeed record --preset`` leaves them."""

    def groups(self) -> dict[str, str]:
        """Return shard -> checksum."""
        return {entry.name: entry.sha256 for _, entry in self._entries()}

    def read(self, group: str) -> Iterator[Episode]:
        """Stream the episodes of a shard, after comparing it with its checksum."""
        place, entry = next(found for found in self._entries() if found[1].name == group)
        with shard_at(place, entry) as path:
            yield from read_shard(path)

    def contents(self) -> Contents:
        """Count what the index says."""
        entries = [entry for _, entry in self._entries()]
        seeds = [seed for entry in entries for seed in entry.seeds]
        return Contents(
            origin=f"the recording `{Path(self.folder).name}`",
            num_episodes=len(seeds),
            num_frames=sum(entry.num_frames for entry in entries),
            first_seed=min(seeds),
            last_seed=max(seeds),
        )

    def rates(self) -> set[float]:
        """Read the first notes of shards on this machine; at a URL one episode."""
        if "://" in str(self.folder):
            episodes = self.read(self._entries()[0][1].name)
            return {episode.frames_per_second for episode in itertools.islice(episodes, 1)}
        paths = [str(Path(place) / entry.name) for place, entry in self._entries()]
        rates = set()
        for path in _spread(np.array(paths), _LOOKED_AT).tolist():
            with suppress(DataError):  # a damaged shard is named when it is read
                first = itertools.islice(read_notes(Path(path)), 1)
                rates |= {notes.frames_per_second for notes in first}
        return rates

    def _entries(self) -> list[tuple[Path | str, ShardEntry]]:
        """Return every shard and the place where it lies.

        Raises:
            DataError: when there is none, or two have the same name.
        """
        is_local = "://" not in str(self.folder)
        has_none = is_local and not (Path(self.folder) / "index.json").exists()
        places = folders_below(Path(self.folder)) if has_none else [self.folder]
        found = [(place, entry) for place in places for entry in index_at(place)]
        counts = Counter(entry.name for _, entry in found)
        if twice := sorted(name for name, count in counts.items() if count > 1):
            raise DataError(
                f"{self.folder} holds two shards called {twice[0]}: import one with another --name"
            )
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldSource:
    """The episodes that a recording would hold, made anew each time and kept nowhere."""

    config: RecordingConfig
    """What is recorded."""

    def groups(self) -> dict[str, str]:
        """Return the shard that would hold them -> the configuration."""
        text = repr(self.config).replace(", world_options={}", "")  # as earlier versions said it
        return dict.fromkeys(self.config.shards(), text)

    def read(self, group: str) -> Iterator[Episode]:
        """Walk the world and stream what was seen."""
        world = self.config.make_world()
        try:
            for seed in self.config.shards()[group]:
                yield explore_episode(self.config, world, seed)
        finally:
            world.close()

    def contents(self) -> Contents:
        """Count what the configuration says."""
        return Contents(
            origin=f"`{self.config.world}`",
            num_episodes=self.config.episodes,
            num_frames=self.config.episodes * self.config.frames_per_episode,
            first_seed=self.config.first_seed,
            last_seed=self.config.last_seed,
        )

    def rates(self) -> set[float]:
        """Return that of the world."""
        return {WORLDS[self.config.world].frames_per_second}


def read_whole(source: EpisodeSource, group: str) -> list[Episode]:
    """Read all episodes of a group; a damaged group is named in a warning and gives none.

    A source of one episode gives its parts (parting.py).
    """
    try:
        episodes = list(source.read(group))
        is_alone = len(episodes) == 1 and source.contents().num_episodes == 1
        return parted(episodes[0]) if is_alone else episodes
    except DataError as error:
        _log.warning("%s is skipped: %s", group, error)
        return []


def take_frames(source: EpisodeSource, count: int, *, groups: int = 24) -> tuple[Frames, Frames]:
    """Take frames that are spread evenly over at most `groups` groups of a source.

    Args:
        source: where from.
        count: about how many frames in all.
        groups: how many groups are read at most.

    Returns:
        Frames to train on, and frames of held-out episodes, a sixteenth as many.

    Raises:
        DataError: when no group can be read or none has two episodes.
    """
    names = _spread(np.array(list(source.groups())), groups)
    wanted = -(-count // len(names))
    train: list[Frames] = []
    held_out: list[Frames] = []
    with progress("reading frames", total=len(names), unit="groups") as advance:
        for name in names.tolist():
            episodes = read_whole(source, name)
            if len(episodes) > 1:
                seen = np.concatenate([episode.frames for episode in episodes[:-1]])
                train.append(_spread(seen, wanted))
                held_out.append(_spread(episodes[-1].frames, -(-wanted // 16)))
            advance()
    if not train:
        raise DataError("training needs groups (shards) of at least two episodes that are whole")
    return np.concatenate(train), np.concatenate(held_out)


def _spread(values: NDArray[Any], count: int) -> NDArray[Any]:
    chosen: NDArray[Any] = values[
        np.linspace(0, len(values) - 1, min(count, len(values))).astype(int)
    ]
    return chosen
