"""Clips to learn inverse dynamics from: chunks of recorded episodes with the frame before each.

A chunk in which nothing changes (a wall stopped it) has no command that could be read: its label
is "none of these". Every eighth seed is held out, for calibration and for testing in turn.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.core.video import Frames
from twospeed.data.episode import Episode
from twospeed.data.recorder import TEST_SEEDS_FROM
from twospeed.data.streaming import Place, stream_episodes

STILL = 0.5
"""Grey levels: a chunk whose frames are all nearer to the frame before it shows nothing."""

_HELD_OUT_OF = 16
_PARTS = {7: "calibration", 15: "testing"}
PARTS = ("training", *_PARTS.values())


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ClipSet:
    """Chunks of episodes. Axes: N clips, E episodes, T frames of all episodes, H and W pixels."""

    frames: Frames
    """uint8 (T, H, W, 3)."""

    starts_N: NDArray[np.int64]
    """The frame before each chunk."""

    labels_N: NDArray[np.int64]
    """Place in `commands`; their number where nothing is to be read."""

    commands: tuple[str, ...]
    chunk_frames: int

    world: str
    """Where it was recorded; several names with + between."""

    def __len__(self) -> int:
        """Return N."""
        return len(self.starts_N)

    def clips(self, chosen_B: Sequence[int] | NDArray[np.int64]) -> Frames:
        """Return clips, uint8 (B, 1 + chunk_frames, H, W, 3)."""
        places = self.starts_N[chosen_B][:, None] + np.arange(1 + self.chunk_frames)
        clips: Frames = self.frames[places]
        return clips

    def first(self, count: int) -> "ClipSet":
        """Return so many clips, spread over all."""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).astype(np.int64))
        return replace(self, starts_N=self.starts_N[chosen], labels_N=self.labels_N[chosen])


def part_of(seed: int) -> str:
    """Return what the episode of a seed is for: one of `PARTS`."""
    return _PARTS.get(seed % _HELD_OUT_OF, "training")


def read_clips(place: Place, *, most_episodes: int) -> dict[str, ClipSet]:
    """Read shards into clips for training, calibration and testing.

    Args:
        place: a folder or a URL of shards.
        most_episodes: read no more.

    Raises:
        DataError: when nothing can be read, episodes are for testing only, they have chunks or
            frames of several sizes, or a part is empty.
    """
    episodes = []
    for episode in stream_episodes(place):
        if episode.seed >= TEST_SEEDS_FROM:
            raise DataError(
                f"episodes from seed {TEST_SEEDS_FROM} on are for testing: train on others"
            )
        episodes.append(episode)
        if len(episodes) >= most_episodes:
            break
    _check(episodes)
    commands = tuple(sorted({text for episode in episodes for text in episode.actions}))
    parts = {part: [it for it in episodes if part_of(it.seed) == part] for part in PARTS}
    for part, those in parts.items():
        if not those:
            raise DataError(
                f"{len(episodes)} episodes leave none for {part}: record {2 * _HELD_OUT_OF} or more"
            )
    return {part: clip_set(those, commands) for part, those in parts.items()}


def clip_set(episodes: Sequence[Episode], commands: tuple[str, ...]) -> ClipSet:
    """Put episodes of one size together, with the labels of all their chunks."""
    frames = np.concatenate([episode.frames for episode in episodes])
    first = np.cumsum([0, *(len(episode.frames) for episode in episodes)])
    length = episodes[0].chunk_frames
    starts: list[int] = []
    labels: list[int] = []
    for start, episode in zip(first, episodes, strict=False):
        starts += [int(start) + length * chunk for chunk in range(len(episode.actions))]
        labels += _labels(episode, commands)
    return ClipSet(
        frames=frames,
        starts_N=np.array(starts, np.int64),
        labels_N=np.array(labels, np.int64),
        commands=commands,
        chunk_frames=length,
        world="+".join(sorted({episode.world for episode in episodes})),
    )


def _labels(episode: Episode, commands: tuple[str, ...]) -> Iterable[int]:
    for index, action in enumerate(episode.actions):
        chunk = episode.chunk_of(index)
        before = episode.frames[chunk.start - 1].astype(np.int16)
        moved = np.abs(episode.frames[chunk] - before).mean((1, 2, 3)).max()
        yield len(commands) if moved < STILL else commands.index(action)


def _check(episodes: Sequence[Episode]) -> None:
    sizes = {(it.chunk_frames, *it.frames.shape[1:3]) for it in episodes}
    if len(sizes) != 1:
        raise DataError(
            "inverse dynamics are learned from episodes with chunks and frames of one size, got"
            f" {sorted(sizes)}"
        )
