"""Segments that overlap: the first one that is listed keeps all, the others their largest rest."""

import dataclasses
from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NamedTuple

from twospeed.data.importers.account import Account
from twospeed.data.importers.plan import Segment

_SHORTEST = 1e-6


class Part(NamedTuple):
    """What is left of a segment."""

    segment: Segment
    whole: Segment
    """As it is written."""

    other: Segment | None
    """The first segment that it overlaps."""


def parts_of(segments: Sequence[Segment], account: Account) -> list[Part]:
    """Return what is left of each segment, in the order of time; no two overlap.

    Args:
        segments: in the order in which they are listed: of two that overlap, the later one loses.
        account: of those without a length and without a rest.
    """
    kept: list[Segment] = []
    parts = []
    for segment in segments:
        if segment.stop <= segment.start:
            line = f"{segment.where}: the segment {segment.times} has no length; skipped"
            account.say(line, kind="segments without a length, skipped")
            continue
        others = _overlapped(segment, kept)
        rest = _largest_rest(segment, others)
        if rest is None:
            line = f"{segment.where}: the segment {overlap_text(segment, others[0])}"
            account.say(f"{line} wholly; skipped", kind="segments inside another one, skipped")
            continue
        insort(kept, rest, key=lambda it: it.start)
        parts.append(Part(rest, segment, others[0] if others else None))
    return sorted(parts, key=lambda it: it.segment.start)


def overlap_text(segment: Segment, other: Segment) -> str:
    """Return such as "2.50 to 5.00 s overlaps labels.csv row 2 (1.00 to 3.00 s)"."""
    return f"{segment.times} overlaps {other.where} ({other.times})"


def _overlapped(segment: Segment, kept: Sequence[Segment]) -> list[Segment]:
    """Return those of `kept`, which is sorted and apart, that a segment overlaps."""
    first = bisect_left(kept, segment.start, key=lambda it: it.stop)
    others = []
    for other in kept[first:]:
        if other.start >= segment.stop - _SHORTEST:
            break
        if other.stop > segment.start + _SHORTEST:
            others.append(other)
    return others


def _largest_rest(segment: Segment, others: Sequence[Segment]) -> Segment | None:
    if not others:
        return segment
    starts = [segment.start, *(other.stop for other in others)]
    stops = [*(other.start for other in others), segment.stop]
    length, start, stop = max(
        ((stop - start, start, stop) for start, stop in zip(starts, stops, strict=True)),
        key=lambda it: it[0],
    )
    return dataclasses.replace(segment, start=start, stop=stop) if length > _SHORTEST else None
