"""Episodes' scores -> the numbers of a report: means, paired gains, curves over age.

Every number is a mean over episodes of an episode's mean, with a bootstrap interval over
episodes; see the report's `notes` for what stands where.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.evaluation.metrics.bootstrap import bootstrap_mean, plain
from twospeed.evaluation.protocols.scores import EpisodeScores

AGE_EDGES = (0, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""Frames since the first visit: edges of the curve's bins, (low, high]."""

Json = dict[str, Any]

_GAINS = {
    "psnr_db": "gain_over_{}_db",
    "ssim": "ssim_gain_over_{}",
    "landmark_recall": "landmark_gain_over_{}",
}


def summarise_route(scores: Sequence[EpisodeScores], *, seed: int) -> Json:
    """Return all numbers of one kind of route.

    Args:
        scores: its episodes.
        seed: of the bootstrap.
    """
    arms = list(scores[0].motion_kept)
    kept = {arm: [one.motion_kept[arm] for one in scores] for arm in arms}
    return means_and_gains(scores, seed=seed) | {
        "motion_kept": {arm: interval(kept[arm], seed) for arm in arms},
        "first_visit": _first_visit(scores, seed),
        "curve": _curve(scores, seed),
        "variants": _variants(scores, seed),
        "per_episode": [_episode(one) for one in scores],
    }


def means_and_gains(
    scores: Sequence[EpisodeScores], *, seed: int, older_than: int = -1, up_to: int = 10**9
) -> Json:
    """Return every arm's mean, and the gains of "on" over "off", "swap", "lookup", at some ages.

    Args:
        scores: the episodes.
        seed: of the bootstrap.
        older_than: frames since the first visit; only older revisits count.
        up_to: and only revisits that are not older than this.
    """
    numbers: Json = {"episodes": len(scores)}
    for metric, arms in scores[0].values.items():
        means = {
            arm: np.array([s.mean(metric, arm, older_than=older_than, up_to=up_to) for s in scores])
            for arm in arms
        }
        numbers[metric] = {arm: interval(values, seed) for arm, values in means.items()}
        for other in (arm for arm in ("off", "swap", "lookup") if arm in means):
            gain = means["on"] - means[other]
            numbers[_GAINS[metric].format(other)] = interval(gain, seed)
    return numbers


def interval(values_E: Sequence[float] | NDArray[np.float64], seed: int) -> Json:
    """Return mean, low, high and n over episodes as JSON values."""
    return bootstrap_mean(values_E, seed=seed).to_json()


def _first_visit(scores: Sequence[EpisodeScores], seed: int) -> Json:
    """PSNR of outward chunks predicted one step ahead, before they were learned."""
    psnr = {arm: np.array([s.first_visit_db[arm] for s in scores]) for arm in ("on", "off")}
    return {
        "psnr_db": {arm: interval(values, seed) for arm, values in psnr.items()},
        "change_db": interval(psnr["on"] - psnr["off"], seed),
    }


def _curve(scores: Sequence[EpisodeScores], seed: int) -> list[Json]:
    points = []
    for low, high in itertools.pairwise(AGE_EDGES):
        inside = [s for s in scores if s.has_age(low, high)]
        if inside:
            point = means_and_gains(inside, seed=seed, older_than=low, up_to=high)
            points.append({"age_frames": {"above": low, "up_to": high}} | point)
    return points


def _variants(scores: Sequence[EpisodeScores], seed: int) -> Json:
    names = sorted({one.walk.route.variant for one in scores})
    return {
        name: means_and_gains([s for s in scores if s.walk.route.variant == name], seed=seed)
        for name in names
    }


def _episode(one: EpisodeScores) -> Json:
    route = one.walk.route
    away = route.away[one.walk.revisits]
    return {
        "seed": route.seed,
        "variant": route.variant,
        "writes": one.walk.num_writes,
        "generated_chunks": one.walk.num_generated,
        "memory_norm": plain(one.norm),
        "motion_kept": {arm: plain(value) for arm, value in one.motion_kept.items()},
        "first_visit_psnr_db": {arm: plain(v) for arm, v in one.first_visit_db.items()},
        "away": {"metres": away[:, 0].tolist(), "degrees": away[:, 1].tolist()},
        "age_frames": {metric: ages.tolist() for metric, ages in one.ages.items()},
        "values": {
            metric: {arm: [plain(v) for v in values] for arm, values in arms.items()}
            for metric, arms in one.values.items()
        },
    }
