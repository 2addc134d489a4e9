"""A clip is what the slow learner learns from: past frames, an action, the frames it brings."""

from dataclasses import dataclass

import numpy as np

from twospeed.core.errors import ConfigError
from twospeed.core.video import Frames
from twospeed.data.episode import Episode


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Clip:
    """The last frames of a chunk, the next action, and the chunk that follows.

    The frames are views into the episode; copy them before changing them.
    """

    past: Frames
    """uint8 (f_p, H, W, 3): the newest frames before the action."""

    action: str
    """The command of the new chunk, in canonical text."""

    new: Frames
    """uint8 (f_g, H, W, 3): the whole chunk that the action brings."""


def cut_clips(
    episode: Episode, *, generator: np.random.Generator, max_past: int | None = None
) -> list[Clip]:
    """Cut an episode into one clip a chunk, with pasts of mixed lengths.

    The past of the first chunk is the single first frame. The past of a later chunk is the last
    f_p frames of the chunk before it, f_p drawn evenly from 1 to `max_past`.

    Args:
        episode: what to cut; without actions it gives no clip.
        generator: draws the lengths.
        max_past: the longest past, 1 to `episode.chunk_frames`; None is a whole chunk.

    Raises:
        ConfigError: when `max_past` is outside its range.
    """
    longest = episode.chunk_frames if max_past is None else max_past
    if not 1 <= longest <= episode.chunk_frames:
        raise ConfigError(f"max_past must be 1 to {episode.chunk_frames}, got {longest}")
    lengths = generator.integers(1, longest + 1, size=len(episode.actions))
    return [
        clip_of(episode, index, num_past=int(length) if index else 1)
        for index, length in enumerate(lengths)
    ]


def clip_of(episode: Episode, index: int, *, num_past: int) -> Clip:
    """Return the clip of one chunk with a past of `num_past` frames.

    Raises:
        ConfigError: when the chunk does not exist or has not that much of a past.
    """
    if not 0 <= index < len(episode.actions):
        raise ConfigError(f"there are {len(episode.actions)} chunks, got chunk {index}")
    chunk = episode.chunk_of(index)
    if not 1 <= num_past <= chunk.start:
        raise ConfigError(f"chunk {index} has a past of 1 to {chunk.start} frames, got {num_past}")
    return Clip(
        past=episode.frames[chunk.start - num_past : chunk.start],
        action=episode.actions[index],
        new=episode.frames[chunk],
    )
