"""Which clip of one folder is held against which of another; what cannot be is one line."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twospeed.core.errors import DataError, a_few
from twospeed.evaluation.videos.clips import Clip, read_clip
from twospeed.evaluation.videos.finding import Say, find_clips

SAME_RATE = 0.05
"""Share by which the rates of two clips of one name may differ."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Pair:
    """A clip to judge and, where there is one, its truth of the same length and size."""

    name: str
    fake: Clip
    real: Clip | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Where the clips lie."""

    fake: dict[str, Path]
    real: dict[str, Path] | None


def plan_of(real: Path | None, fake: Path, *, say: Say) -> Plan:
    """Find the clips, and say which have no partner.

    Raises:
        DataError: when a folder holds no clip, or no two names are equal.
    """
    fakes = find_clips(fake, say=say)
    if real is None:
        return Plan(fake=fakes, real=None)
    reals = find_clips(real, say=say)
    if len(reals) == len(fakes) == 1:
        reals = dict(zip(fakes, reals.values(), strict=True))
    for place, one, other in ((real, fakes, reals), (fake, reals, fakes)):
        for name in sorted(one.keys() - other.keys()):
            say(f"{one[name]}: {place} has none of this name; left out")
    both = sorted(fakes.keys() & reals.keys())
    if not both:
        raise DataError(
            f"no name in {fake} ({a_few(sorted(fakes), most=3)}) is one in {real}"
            f" ({a_few(sorted(reals), most=3)}): clips are paired by name"
        )
    return Plan(fake={it: fakes[it] for it in both}, real={it: reals[it] for it in both})


def read_pairs(plan: Plan, *, say: Say) -> Iterator[Pair | None]:
    """Read clip after clip; one that cannot be scored is said and comes as None."""
    for name, path in sorted(plan.fake.items()):
        try:
            fake = read_clip(path)
            real = None if plan.real is None else read_clip(plan.real[name])
            if real is not None:
                _check_fit(fake, real)
        except DataError as error:
            say(f"{error}; left out")
            yield None
            continue
        for clip in (fake, real):
            for note in clip.notes if clip else ():
                say(f"{clip.path if clip else name}: {note}")
        yield Pair(name=name, fake=fake, real=real)


def _check_fit(fake: Clip, real: Clip) -> None:
    """Refuse what cannot be held against each other, frame by frame.

    Raises:
        DataError: with both lengths, sizes or rates.
    """
    for what, mine, true in (
        ("frames", str(len(fake.frames)), str(len(real.frames))),
        ("pixels", _size(fake), _size(real)),
    ):
        if mine != true:
            raise DataError(f"{fake.path} has {mine} {what}, {real.path} has {true}")
    one, other = fake.frames_per_second, real.frames_per_second
    if one and other and not _is_same_rate(one, other, clock=max(fake.clock, real.clock)):
        raise DataError(f"{fake.path} has {one:.3g} frames per second, {real.path} has {other:.3g}")


def _is_same_rate(one: float, other: float, *, clock: float) -> bool:
    """Say whether two rates are the same, as far as a file that rounds to `clock` can tell."""
    is_near = abs(one - other) <= SAME_RATE * max(one, other)
    return is_near or abs(1 / one - 1 / other) < clock


def _size(clip: Clip) -> str:
    height, width = clip.frames.shape[1:3]
    return f"{width}x{height}"
