"""Segments that overlap: each keeps the larger rest beside those that are listed before it."""

import dataclasses
from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NamedTuple

from twospeed.data.importers.account import Account
from twospeed.data.importers.plan import Segment

_NOTHING = 1e-6
"""Seconds that are no overlap and no rest."""


class Part(NamedTuple):
    """What is left of a segment."""

    segment: Segment
    whole: Segment
    """As it is written."""

    other: Segment | None
    """A segment that it overlaps."""


def parts_of(segments: Sequence[Segment], account: Account, *, shortest: float) -> list[Part]:
    """Return what is left of each segment, in the order of time; no two overlap.

    Of two that overlap, the one that is listed later keeps its larger rest. One that lies inside
    another keeps all, and the other its larger rest, if both are long enough; else it is left out.

    Args:
        segments: in the order in which they are listed.
        account: of those without a length and without a rest.
        shortest: how long a segment must be at least to be of use, in seconds.
    """
    kept: list[Part] = []
    for segment in segments:
        if segment.stop <= segment.start:
            line = f"{segment.where}: the segment {segment.times} has no length; skipped"
            account.say(line, kind="segments without a length, skipped")
            continue
        first, last = _overlapped(segment, kept)
        others = [part.segment for part in kept[first:last]]
        rest = _larger_rest(segment, others)
        if rest is not None:
            insort(kept, Part(rest, segment, others[0] if others else None), key=_start_of)
        elif not _cut_out(segment, kept, first, shortest=shortest):
            line = f"{segment.where}: the segment {overlap_text(segment, others[0])}"
            account.say(f"{line} wholly; skipped", kind="segments inside another one, skipped")
    return kept


def overlap_text(segment: Segment, other: Segment) -> str:
    """Return such as "2.50 to 5.00 s overlaps labels.csv row 2 (1.00 to 3.00 s)"."""
    return f"{segment.times} overlaps {other.where} ({other.times})"


def _start_of(part: Part) -> float:
    return part.segment.start


def _overlapped(segment: Segment, kept: Sequence[Part]) -> tuple[int, int]:
    """Return where in `kept`, which is sorted and apart, those begin and end that it overlaps."""
    first = bisect_left(kept, segment.start + _NOTHING, key=lambda it: it.segment.stop)
    return first, max(first, bisect_left(kept, segment.stop - _NOTHING, key=_start_of))


def _larger_rest(segment: Segment, others: Sequence[Segment]) -> Segment | None:
    """Return the largest stretch of a segment between others; None when nothing is left."""
    if not others:
        return segment
    starts = [segment.start, *(other.stop for other in others)]
    stops = [*(other.start for other in others), segment.stop]
    rests = [(b - a, a, b) for a, b in zip(starts, stops, strict=True)]
    length, start, stop = max(rests, key=lambda it: it[0])
    return dataclasses.replace(segment, start=start, stop=stop) if length > _NOTHING else None


def _cut_out(segment: Segment, kept: list[Part], place: int, *, shortest: float) -> bool:
    """Cut a segment out of the one round it, ``kept[place]``, if both are long enough then."""
    part = kept[place]
    rest = _larger_rest(part.segment, [segment])
    is_inside = part.segment.start <= segment.start and segment.stop <= part.segment.stop
    if not is_inside or rest is None:
        return False
    if min(segment.stop - segment.start, rest.stop - rest.start) < shortest:
        return False
    kept[place] = Part(rest, part.whole, segment)
    insort(kept, Part(segment, segment, None), key=_start_of)
    return True
