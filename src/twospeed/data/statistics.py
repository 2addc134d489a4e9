"""What lies in a folder of shards: counts, lengths, action words."""

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twospeed.data.index import read_all_notes


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """Numbers of a folder of shards, of those that are whole."""

    num_episodes: int
    """How many episodes."""

    num_frames: int
    """Frames of all episodes."""

    num_clips: int
    """Chunks of all episodes; each is one clip."""

    seconds: float
    """Running time of all episodes."""

    frames_of_episode: tuple[int, float, int]
    """Shortest, median and longest episode, in frames."""

    worlds: Mapping[str, int]
    """World -> episodes."""

    actions: Mapping[str, int]
    """Action text -> chunks, the commonest first."""

    words: Mapping[str, int]
    """Word of the action texts -> chunks, the commonest first."""

    damaged: tuple[str, ...]
    """One line for every shard that could not be read."""


def describe(folder: Path) -> Statistics:
    """Count what lies in a folder of shards, without decoding a video.

    Raises:
        DataError: when the folder has no index of this version, or no shard of it is whole.
    """
    damaged: list[str] = []
    notes = list(read_all_notes(folder, on_damage=damaged.append))
    lengths = [note["num_frames"] for note in notes]
    actions = Counter(action for note in notes for action in note["actions"])
    words: Counter[str] = Counter()
    for action, count in actions.items():
        words.update(dict.fromkeys(action.split(), count))
    return Statistics(
        num_episodes=len(notes),
        num_frames=sum(lengths),
        num_clips=actions.total(),
        seconds=sum(note["num_frames"] / note["frames_per_second"] for note in notes),
        frames_of_episode=(min(lengths), statistics.median(lengths), max(lengths)),
        worlds=dict(Counter(note["world"] for note in notes).most_common()),
        actions=dict(actions.most_common()),
        words=dict(words.most_common()),
        damaged=tuple(damaged),
    )
