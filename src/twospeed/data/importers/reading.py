"""From takes to episodes: frames are read, and what is damaged or too short is named.

A take whose footage is damaged keeps the chunks before that; later takes go on after the damage.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice, takewhile

import numpy as np

from twospeed.core.errors import DataError
from twospeed.data.episode import Episode
from twospeed.data.importers.account import Account
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.plan import Footage, Take, rows_text
from twospeed.worlds.base import Frame

_ENDS = "ends before the segment does"


def episodes_of(
    config: ImportConfig, takes: Sequence[Take], seeds: Sequence[int], account: Account
) -> Iterator[Episode]:
    """Read takes, one piece of footage after the other.

    Args:
        config: how footage becomes episodes.
        takes: those of one piece of footage follow one another.
        seeds: the number of each.
        account: of what is damaged, too short or unusual.
    """
    numbered = list(zip(seeds, takes, strict=True))
    for _, group in groupby(numbered, key=lambda it: it[1].footage.name):
        yield from _episodes_in(config, list(group), account)


def _episodes_in(
    config: ImportConfig, numbered: Sequence[tuple[int, Take]], account: Account
) -> Iterator[Episode]:
    """Read the takes of one piece of footage, as far as it can be read."""
    footage = numbered[0][1].footage
    frames, fault = _frames_of(config, footage, [take for _, take in numbered], account)
    for index, (seed, take) in enumerate(numbered):
        times = take.times(config)
        got = list(islice(frames, len(times)))
        whole = _whole(got)
        chunks = max(len(whole) - 1, 0) // config.chunk_frames
        if chunks:
            yield _episode(config, seed, take, whole[: 1 + chunks * config.chunk_frames])
        if fault:
            later = [where for _, other in numbered[index + 1 :] for where in other.where]
            hit = rows_text([*take.where[chunks:], *later] or take.where)
            line = f"{hit}: {footage.name} {fault[0]}; {_kept(take, chunks)}"
            account.say(line, kind="videos or arrays that cannot be read on")
            return
        if chunks < len(take.actions):
            hit, is_damaged = rows_text(take.where[chunks:]), len(whole) < len(got)
            why = f"has no whole picture at {times[len(whole)]:.2f} s" if is_damaged else _ENDS
            line = f"{hit}: {footage.name} {why}; {_kept(take, chunks)}"
            account.say(line, kind="stretches of footage that ends before them or is damaged")


def _whole(frames: Sequence[Frame | None]) -> list[Frame]:
    """Return the frames before the first that is damaged."""
    return [frame for frame in takewhile(lambda it: it is not None, frames) if frame is not None]


def _kept(take: Take, chunks: int) -> str:
    return f"{chunks} of {len(take.actions)} chunks are imported" if chunks else "skipped"


def _frames_of(
    config: ImportConfig, footage: Footage, takes: Sequence[Take], account: Account
) -> tuple[Iterator[Frame | None], list[str]]:
    """Return the frames of takes until no more can be read, and a list that then gets why."""
    fault: list[str] = []
    where = rows_text([where for take in takes for where in take.where])
    times = [time for take in takes for time in take.times(config)]

    def read() -> Iterator[Frame | None]:
        try:
            yield from footage.frames_at(
                times,
                size=config.size,
                say=lambda line: account.say(f"{where}: {footage.name}: {line}", kind=line),
            )
        except DataError as error:
            fault.append(str(error))

    return read(), fault


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
