"""Numbers of recorded data: counts by domain, lengths, action words, leaks, near-duplicates."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twospeed.core.files import StrPath
from twospeed.data.likeness import alike
from twospeed.data.survey import Sample, Survey, survey

MOST_PAIRS = 1000
"""Pairs of near-duplicates that are listed; all are counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Domain:
    """What one world has brought."""

    num_episodes: int
    num_clips: int
    num_frames: int
    num_scenes: int
    num_actions: int
    """Different action texts."""

    num_test_episodes: int
    """Episodes that nothing may be trained on."""

    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two episodes of different scenes that begin with almost the same frame."""

    one: str
    other: str
    num_bits: int
    """Bits in which their hashes differ."""

    across_split: bool
    """One is for training and the other for testing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """Numbers of all shards that are whole."""

    num_episodes: int
    """How many episodes."""

    num_frames: int
    """Frames of all episodes."""

    num_clips: int
    """Chunks of all episodes; each is one clip."""

    num_bytes: int
    """Size of the shards."""

    seconds: float
    """Running time of all episodes."""

    frames_of_episode: tuple[int, float, int]
    """Shortest, median and longest episode, in frames."""

    worlds: Mapping[str, int]
    """World -> episodes, the commonest first."""

    domains: Mapping[str, Domain]
    """World -> all about it, in the same order."""

    actions: Mapping[str, int]
    """Action text -> chunks, the commonest first."""

    words: Mapping[str, int]
    """Word of the action texts -> chunks, the commonest first."""

    split_leaks: tuple[str, ...]
    """Scenes that stand both in training and in testing; there should be none."""

    doubles: tuple[str, ...]
    """Episodes that are there more than once."""

    num_near_duplicates: int
    """Pairs of episodes of different scenes that begin almost alike."""

    near_duplicates: tuple[Pair, ...]
    """The nearest of these pairs, those across the split first."""

    damaged: tuple[str, ...]
    """One line for every shard that could not be read."""


def describe(folder: StrPath) -> Statistics:
    """Count what lies below a folder, without decoding a video: no near-duplicates are found.

    Raises:
        DataError: when there is no index of this version, or no shard is whole.
    """
    return statistics_of(survey(folder, with_looks=False))


def statistics_of(found: Survey) -> Statistics:
    """Return the numbers of a survey; near-duplicates only if it has looks."""
    samples = found.samples
    lengths = [sample.num_frames for sample in samples]
    actions = Counter(action for sample in samples for action in sample.actions)
    worlds = dict(Counter(sample.world for sample in samples).most_common())
    pairs = _pairs_of(samples)
    return Statistics(
        num_episodes=len(samples),
        num_frames=sum(lengths),
        num_clips=actions.total(),
        num_bytes=found.num_bytes,
        seconds=_seconds_of(samples),
        frames_of_episode=(min(lengths), statistics.median(lengths), max(lengths)),
        worlds=worlds,
        domains={it: _domain_of([one for one in samples if one.world == it]) for it in worlds},
        actions=dict(actions.most_common()),
        words=_words_of(actions),
        split_leaks=_leaks_of(samples),
        doubles=_doubles_of(samples),
        num_near_duplicates=len(pairs),
        near_duplicates=tuple(pairs[:MOST_PAIRS]),
        damaged=found.damaged,
    )


def _seconds_of(samples: Sequence[Sample]) -> float:
    return sum(sample.num_frames / sample.frames_per_second for sample in samples)


def _domain_of(samples: Sequence[Sample]) -> Domain:
    return Domain(
        num_episodes=len(samples),
        num_clips=sum(len(sample.actions) for sample in samples),
        num_frames=sum(sample.num_frames for sample in samples),
        num_scenes=len({sample.scene for sample in samples}),
        num_actions=len({action for sample in samples for action in sample.actions}),
        num_test_episodes=sum(sample.is_for_testing for sample in samples),
        seconds=_seconds_of(samples),
    )


def _words_of(actions: Counter[str]) -> dict[str, int]:
    words: Counter[str] = Counter()
    for action, count in actions.items():
        cleaned = (word.strip(",.;:!?").lower() for word in action.split())
        words.update(dict.fromkeys((word for word in cleaned if word), count))
    return dict(words.most_common())


def _leaks_of(samples: Sequence[Sample]) -> tuple[str, ...]:
    tested = {sample.scene for sample in samples if sample.is_for_testing}
    return tuple(
        sorted({it.scene for it in samples if not it.is_for_testing and it.scene in tested})
    )


def _doubles_of(samples: Sequence[Sample]) -> tuple[str, ...]:
    counts = Counter(sample.name for sample in samples)
    return tuple(sorted(name for name, count in counts.items() if count > 1))


def _pairs_of(samples: Sequence[Sample]) -> list[Pair]:
    seen = [sample for sample in samples if sample.look is not None]
    looks = [sample.look for sample in seen if sample.look is not None]
    pairs = [
        Pair(
            one=seen[one].name,
            other=seen[other].name,
            num_bits=num_bits,
            across_split=seen[one].is_for_testing != seen[other].is_for_testing,
        )
        for one, other, num_bits in alike(looks, [sample.scene for sample in seen])
    ]
    return sorted(pairs, key=lambda pair: (not pair.across_split, pair.num_bits))
