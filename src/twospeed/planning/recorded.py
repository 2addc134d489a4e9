"""Recorded episodes to learn reading from: which are taken, what each is for, where nothing moves.

Every eighth seed is held out, for calibration and for testing in turn.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice, zip_longest

import numpy as np

from twospeed.core.errors import DataError
from twospeed.data.episode import Episode
from twospeed.data.recorder import refuse_testing
from twospeed.data.streaming import Place, stream_episodes
from twospeed.training.data.sources import ShardSource
from twospeed.training.data.telling import data_note

STILL = 0.5
"""Grey levels: a chunk whose frames are all nearer to the frame before it shows nothing."""

_HELD_OUT_OF = 16
_PARTS = {7: "calibration", 15: "testing"}
PARTS = ("training", *_PARTS.values())

Places = Place | Sequence[Place]
"""One folder or URL of shards, or several."""


def part_of(seed: int) -> str:
    """Return what the episode of a seed is for: one of `PARTS`."""
    return _PARTS.get(seed % _HELD_OUT_OF, "training")


def read_parts(data: Places, *, most_episodes: int) -> dict[str, list[Episode]]:
    """Read the episodes of each of `PARTS`, as many of each place as of any other.

    Args:
        data: of shards.
        most_episodes: read no more.

    Raises:
        DataError: when nothing can be read, episodes are for testing only, they have chunks or
            frames of several sizes, or a part is empty.
    """
    episodes = list(islice(_in_turn(data), most_episodes))
    _check_sizes(episodes)
    parts = {part: [it for it in episodes if part_of(it.seed) == part] for part in PARTS}
    for part, those in parts.items():
        if not those:
            raise DataError(
                f"{len(episodes)} episodes leave none for {part}: record {2 * _HELD_OUT_OF} or more"
            )
    return parts


def note_of(data: Places) -> object:
    """Return what tells these episodes from others, for the note of a run, as JSON values.

    Raises:
        DataError: when there are no shards.
    """
    notes = [data_note(ShardSource(folder=place)) for place in places_of(data)]
    return notes[0] if len(notes) == 1 else notes


def places_of(data: Places) -> list[Place]:
    """Return the places of one or several."""
    return list(data) if isinstance(data, Sequence) and not isinstance(data, str) else [data]


def is_still(episode: Episode, index: int) -> bool:
    """Say whether a chunk shows nothing, such as one that a wall stopped."""
    chunk = episode.chunk_of(index)
    before = episode.frames[chunk.start - 1].astype(np.int16)
    return bool(np.abs(episode.frames[chunk] - before).mean((1, 2, 3)).max() < STILL)


def _in_turn(data: Places) -> Iterator[Episode]:
    """Stream the episodes of all places, one of each at a time."""
    rows = zip_longest(*(stream_episodes(place) for place in places_of(data)))
    for episode in chain.from_iterable(rows):
        if episode is None:
            continue
        refuse_testing(episode.seed)
        yield episode


def _check_sizes(episodes: Sequence[Episode]) -> None:
    sizes = {(it.chunk_frames, *it.frames.shape[1:3]) for it in episodes}
    if len(sizes) != 1:
        raise DataError(
            "reading is learned from episodes with chunks and frames of one size, got"
            f" {sorted(sizes)}"
        )
