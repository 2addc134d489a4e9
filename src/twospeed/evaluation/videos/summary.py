"""Scores of many clips -> means with intervals, distances of sets, drift.

Axes: N clips, S samples of a clip, K features.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.evaluation.metrics.bootstrap import Interval, bootstrap_mean, plain
from twospeed.evaluation.metrics.frechet import Cloud
from twospeed.evaluation.metrics.kernel import KernelTable
from twospeed.evaluation.videos.scores import NO_TRUTH, ClipScores

Json = dict[str, Any]
Picks = NDArray[np.int64]
Features = Sequence[NDArray[np.float64]]

PER_CLIP = ("psnr_db", "ssim", "lpips", "scene_cuts", "src", "src_twospeed", "motion")
"""Metrics that are means over clips."""

DISTANCES = {
    "frechet_twospeed": "twospeed",
    "kernel_twospeed": "twospeed",
    "fvd_i3d": "i3d",
    "fvd_videomae": "videomae",
}
"""Distance of sets -> whose features."""

METRICS = (*PER_CLIP, *DISTANCES)

RESAMPLES = 100
"""Bootstrap draws of a distance."""

_FEW = "a distance of sets needs two samples or more"


def summarise(
    scores_N: Sequence[ClipScores], truth_N: Sequence[ClipScores], *, seed: int
) -> dict[str, Json]:
    """Return every metric of a set of clips: mean, low, high, n, or why it is not computed.

    Args:
        scores_N: of the clips.
        truth_N: of true clips; none where nobody knows.
        seed: of the bootstrap.
    """
    found = {name: _mean(name, scores_N, seed) for name in PER_CLIP}
    return found | {name: _distance(name, scores_N, truth_N, seed) for name in DISTANCES}


def halves(truth_N: Sequence[ClipScores], *, seed: int) -> dict[str, Json]:
    """Return the distances of one half of the true clips from the other."""
    half = len(truth_N) // 2
    return {name: _distance(name, truth_N[:half], truth_N[half:], seed) for name in DISTANCES}


def drift_over(scores_N: Sequence[ClipScores], *, stretch: int) -> list[Json]:
    """Return the means of every stretch over the clips that have it."""
    longest = max(len(one.drift) for one in scores_N)
    rows = []
    for index in range(longest):
        there = [one.drift[index] for one in scores_N if index < len(one.drift)]
        means = {name: plain(float(np.mean([it[name] for it in there]))) for name in there[0]}
        rows.append({"first_frame": index * stretch, "clips": len(there)} | means)
    return rows


def _mean(name: str, scores_N: Sequence[ClipScores], seed: int) -> Json:
    values = [one.values[name] for one in scores_N if name in one.values]
    if values:
        return bootstrap_mean(values, seed=seed).to_json()
    return {"not_computed": scores_N[0].missing[name]}


def _distance(
    name: str, scores_N: Sequence[ClipScores], truth_N: Sequence[ClipScores], seed: int
) -> Json:
    network = DISTANCES[name]
    lacking = [one.missing[name] for one in (*scores_N, *truth_N) if name in one.missing]
    if lacking:
        return {"not_computed": lacking[0]}
    made, true = ([one.features[network] for one in it] for it in (scores_N, truth_N))
    if min(sum(map(len, it)) for it in (made, true)) < 2:
        return {"not_computed": _FEW if truth_N else NO_TRUTH}
    measure = _kernel(made, true) if name.startswith("kernel") else _frechet(made, true)
    return _interval(measure, len(made), len(true), seed).to_json()


def _kernel(made: Features, true: Features) -> Callable[[Picks, Picks], float]:
    return KernelTable(made, true).distance


def _frechet(made: Features, true: Features) -> Callable[[Picks, Picks], float]:
    def distance(picks_N: Picks, picks_M: Picks) -> float:
        one = np.concatenate([made[pick] for pick in picks_N])
        other = np.concatenate([true[pick] for pick in picks_M])
        return Cloud.of(one).distance(Cloud.of(other))

    return distance


def _interval(
    distance: Callable[[Picks, Picks], float], made: int, true: int, seed: int
) -> Interval:
    """Draw clips with replacement, the same of both sets where they are pairs.

    A draw holds some clips twice and lies farther away for it: the ends are put about the mean.
    """
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES):
        picks = generator.integers(made, size=made)
        drawn.append(
            distance(picks, picks if made == true else generator.integers(true, size=true))
        )
    low, high = np.percentile(drawn, (2.5, 97.5)).tolist()
    mean = distance(np.arange(made), np.arange(true))
    return Interval(mean=mean, low=min(low, mean), high=max(high, mean), n=made)
