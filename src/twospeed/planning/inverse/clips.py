"""Clips to learn inverse dynamics from: chunks of recorded episodes with the frame before each.

A chunk in which nothing changes (a wall stopped it) has no command that could be read: its label
is "none of these".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from twospeed.core.video import Frames
from twospeed.data.episode import Episode
from twospeed.planning.recorded import Places, is_still, read_parts


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


def read_clips(data: Places, *, most_episodes: int) -> dict[str, ClipSet]:
    """Read shards into clips for training, calibration and testing.

    Args:
        data: of shards.
        most_episodes: read no more.

    Raises:
        DataError: as `read_parts`.
    """
    parts = read_parts(data, most_episodes=most_episodes)
    episodes = [episode for those in parts.values() for episode in those]
    commands = tuple(sorted({text for episode in episodes for text in episode.actions}))
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


def _labels(episode: Episode, commands: tuple[str, ...]) -> Iterator[int]:
    for index, action in enumerate(episode.actions):
        yield len(commands) if is_still(episode, index) else commands.index(action)
