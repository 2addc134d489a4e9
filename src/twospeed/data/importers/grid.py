"""Segments of footage on the grid of chunks: they become takes.

Segments that follow one another without a gap make one take. A take never shows a frame from
before its start or after its stop.
"""

from collections.abc import Sequence

from twospeed.data.importers.account import Account
from twospeed.data.importers.apart import Part, overlap_text, parts_of
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.plan import Footage, Segment, Take

MOST_CHUNKS = 1_000_000
"""Of one segment."""


def takes_of(
    footage: Footage,
    scene: str,
    segments: Sequence[Segment],
    config: ImportConfig,
    account: Account,
    *,
    rate: float | None = None,
) -> list[Take]:
    """Lay the segments of one piece of footage on the grid of chunks.

    A chunk has the action of the segment that its middle lies in. The last frame of a take may
    come from less than a frame before its time, at the stop of the take. What overlaps another
    segment, has no length, or holds the middle of no chunk is named.

    Args:
        footage: what the segments are stretches of.
        scene: the place that was filmed.
        segments: in the order in which they are listed.
        config: how footage becomes episodes.
        account: of what is left out.
        rate: frames per second of footage whose frames have numbers; every segment then starts
            and stops with a frame.
    """
    if not config.takes_scene(scene):
        line = f"{scene}: no scene of --scenes {config.scenes}; skipped"
        account.say(line, kind=f"scenes that are not of --scenes {config.scenes}, skipped")
        return []
    takes = []
    segments = [it for it in segments if _is_bounded(it, config, account)]
    account.seconds += sum(max(it.stop - it.start, 0.0) for it in segments)
    parts = parts_of(segments, account, shortest=config.chunk_seconds - _spare(config))
    for run in _runs(parts, gap=0.5 / config.frames_per_second):
        chunks = _chunks_of(run, config)
        _say_what_became(run, {id(part) for part in chunks}, config, account)
        if chunks:
            segments_of_chunks = tuple(part.segment for part in chunks)
            start, stop = run[0].segment.start, run[-1].segment.stop
            takes.append(
                Take(footage=footage, scene=scene, start=start, stop=stop, rate=rate,
                     chunks=segments_of_chunks)
            )  # fmt: skip
    return takes


def _is_bounded(segment: Segment, config: ImportConfig, account: Account) -> bool:
    count = (segment.stop - segment.start) / config.chunk_seconds
    if count > MOST_CHUNKS:
        line = f"{segment.where}: {count:,.0f} chunks are more than {MOST_CHUNKS:,}; skipped"
        account.say(line, kind="segments of too many chunks, skipped")
    return count <= MOST_CHUNKS


def _runs(parts: Sequence[Part], *, gap: float) -> list[list[Part]]:
    runs: list[list[Part]] = []
    for part in parts:
        if runs and part.segment.start - runs[-1][-1].segment.stop <= gap:
            runs[-1].append(part)
        else:
            runs.append([part])
    return runs


def _spare(config: ImportConfig) -> float:
    """Return by how much the last chunk of a take may be short: less than its last frame."""
    return min(1 / config.frames_per_second, config.chunk_seconds / 2)


def _chunks_of(run: Sequence[Part], config: ImportConfig) -> list[Part]:
    """Return what every chunk of a run belongs to."""
    seconds, start = config.chunk_seconds, run[0].segment.start
    length = run[-1].segment.stop - start
    count = int((length + _spare(config)) / seconds - 1e-6)
    chunks, place = [], 0
    for index in range(count):
        middle = start + (index + 0.5) * seconds
        while place < len(run) - 1 and middle >= run[place].segment.stop:
            place += 1
        chunks.append(run[place])
    return chunks


def _say_what_became(
    run: Sequence[Part], used: set[int], config: ImportConfig, account: Account
) -> None:
    """Name the segments of a run that gave no chunk, or of which only a rest is used."""
    chunk = f"a chunk of {config.chunk_seconds:g} s"
    for part in run:
        rest, where = part.segment, part.segment.where
        if part.other is not None:
            line = f"{where}: the segment {overlap_text(part.whole, part.other)}"
            if id(part) in used:
                line += f"; the larger rest, {rest.times}, is kept"
                account.say(line, kind="segments that overlap another one, their rest is kept")
            else:
                line += f", and the rest is too short for {chunk}; skipped"
                account.say(line, kind="segments with too short a rest beside another, skipped")
        elif id(part) not in used:
            line = f"{where}: {rest.stop - rest.start:.2f} s are too short for {chunk}; skipped"
            account.say(line, kind="segments too short for a chunk, skipped")
