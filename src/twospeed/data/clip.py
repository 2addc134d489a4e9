"""A clip: past frames, an action, the frames it brings; cut out of an episode, nothing copied."""

from dataclasses import dataclass

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
