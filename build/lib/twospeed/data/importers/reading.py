"""From takes to episodes: frames are read, and what is damaged or too short is named.

Where a piece of footage is damaged, the chunks before that are kept.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice

import numpy as np

from twospeed.core.errors import DataError
from twospeed.data.episode import Episode
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.plan import Footage, Say, Take, rows_text
from twospeed.worlds.base import Frame


def episodes_of(
    config: ImportConfig, takes: Sequence[Take], seeds: Sequence[int], say: Say
) -> Iterator[Episode]:
    """Read takes, one piece of footage after the other.

    Args:
        config: how footage becomes episodes.
        takes: those of one piece of footage follow one another.
        seeds: the number of each.
        say: gets a line for what is damaged, too short or unusual.
    """
    numbered = list(zip(seeds, takes, strict=True))
    for _, group in groupby(numbered, key=lambda it: it[1].footage.name):
        yield from _episodes_in(config, list(group), say)


def _episodes_in(
    config: ImportConfig, numbered: Sequence[tuple[int, Take]], say: Say
) -> Iterator[Episode]:
    """Read the takes of one piece of footage; where it is damaged, keep what came before."""
    footage = numbered[0][1].footage
    frames, damage = _frames_of(config, footage, [take for _, take in numbered], say)
    for index, (seed, take) in enumerate(numbered):
        wanted = len(take.times(config))
        got = list(islice(frames, wanted))
        chunks = max(len(got) - 1, 0) // config.chunk_frames
        if chunks:
            yield _episode(config, seed, take, got[: 1 + chunks * config.chunk_frames])
        if damage:
            later = [where for _, other in numbered[index + 1 :] for where in other.where]
            hit = rows_text([*take.where[chunks:], *later] or take.where)
            say(f"{hit}: {footage.name} {damage[0]}; {_kept(take, chunks)}")
            return
        if chunks < len(take.actions):
            hit = rows_text(take.where[chunks:])
            say(f"{hit}: {footage.name} ends before the segment does; {_kept(take, chunks)}")


def _kept(take: Take, chunks: int) -> str:
    return f"{chunks} of {len(take.actions)} chunks are imported" if chunks else "skipped"


def _frames_of(
    config: ImportConfig, footage: Footage, takes: Sequence[Take], say: Say
) -> tuple[Iterator[Frame], list[str]]:
    """Return the frames of takes until damage, and a list that then gets what is wrong."""
    damage: list[str] = []
    where = rows_text([where for take in takes for where in take.where])
    times = [time for take in takes for time in take.times(config)]

    def read() -> Iterator[Frame]:
        try:
            yield from footage.frames_at(
                times,
                size=config.frame_size,
                say=lambda line: say(f"{where}: {footage.name}: {line}"),
            )
        except DataError as error:
            damage.append(str(error))

    return read(), damage


def _episode(config: ImportConfig, seed: int, take: Take, frames: Sequence[Frame]) -> Episode:
    return Episode(
        frames=np.stack(frames),
        actions=take.actions[: (len(frames) - 1) // config.chunk_frames],
        world=config.name,
        seed=seed,
        frames_per_second=config.frames_per_second,
        chunk_frames=config.chunk_frames,
        scene=take.scene,
    )
