"""One long episode alone becomes several, so that the last of them can be held out."""

from dataclasses import replace

from twospeed.data.episode import Episode

LEAST_CHUNKS = 2
"""Of a part: its second chunk goes on from its first."""

MOST_PARTS = 8
"""The last one is held out."""


def parted(episode: Episode) -> list[Episode]:
    """Cut an episode into parts of about the same length; of too few chunks it stays whole.

    The last frame of a part is the first one of the next, so that no chunk is lost.
    """
    chunks = len(episode.actions)
    count = max(1, min(MOST_PARTS, chunks // LEAST_CHUNKS))
    edges = [chunks * part // count for part in range(count + 1)]
    return [_part(episode, *edges[part : part + 2]) for part in range(count)]


def _part(episode: Episode, first: int, end: int) -> Episode:
    frames = slice(first * episode.chunk_frames, end * episode.chunk_frames + 1)
    return replace(
        episode,
        frames=episode.frames[frames],
        actions=episode.actions[first:end],
        poses=None if episode.poses is None else episode.poses[frames],
        objects=None if episode.objects is None else episode.objects[frames],
    )
