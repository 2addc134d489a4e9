"""Episodes' scores -> the numbers of a report: means, paired gains, curves over age.

Every number is a mean over episodes of an episode's mean, with a bootstrap interval over
episodes; see the report's `notes` for what stands where.
"""

from collections.abc import Callable, Sequence
from typing import Any

from twospeed.evaluation.bootstrap import bootstrap_mean, plain
from twospeed.evaluation.scores import METRICS, EpisodeScores

AGE_EDGES = (0, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""Frames since the first visit: edges of the curve's bins, (low, high]."""

Json = dict[str, Any]
Value = Callable[[EpisodeScores], float]

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
    values = means_and_gains(scores, seed=seed)
    values["motion_kept"] = {
        arm: _interval(scores, lambda s, arm=arm: s.motion_kept[arm], seed)
        for arm in scores[0].motion_kept
    }
    values["first_visit"] = _first_visit(scores, seed)
    values["curve"] = _curve(scores, seed)
    values["variants"] = _variants(scores, seed)
    values["per_episode"] = [_episode(one) for one in scores]
    return values


def means_and_gains(
    scores: Sequence[EpisodeScores], *, seed: int, older_than: int = -1, up_to: int = 10**9
) -> Json:
    """Return every arm's mean, and the gains of "on" over "off" and "swap", at some ages.

    Args:
        scores: the episodes.
        seed: of the bootstrap.
        older_than: frames since the first visit; only older revisits count.
        up_to: and only revisits that are not older than this.
    """
    values: Json = {"episodes": len(scores)}
    for metric in METRICS:

        def mean(one: EpisodeScores, arm: str, metric: str = metric) -> float:
            return one.mean(metric, arm, older_than=older_than, up_to=up_to)

        arms = scores[0].values[metric]
        values[metric] = {
            arm: _interval(scores, lambda s, arm=arm, mean=mean: mean(s, arm), seed) for arm in arms
        }
        for other in ("off", "swap"):
            values[_GAINS[metric].format(other)] = _interval(
                scores, lambda s, other=other, mean=mean: mean(s, "on") - mean(s, other), seed
            )
    return values


def _interval(scores: Sequence[EpisodeScores], value: Value, seed: int) -> Json:
    return bootstrap_mean([value(one) for one in scores], seed=seed).to_json()


def _first_visit(scores: Sequence[EpisodeScores], seed: int) -> Json:
    """PSNR of outward chunks predicted one step ahead, before they were learned."""
    arms = ("on", "off")
    psnr = {arm: _interval(scores, lambda s, arm=arm: s.first_visit_db[arm], seed) for arm in arms}
    change = _interval(scores, lambda s: s.first_visit_db["on"] - s.first_visit_db["off"], seed)
    return {"psnr_db": psnr, "change_db": change}


def _curve(scores: Sequence[EpisodeScores], seed: int) -> list[Json]:
    points = []
    for low, high in zip(AGE_EDGES, AGE_EDGES[1:], strict=False):
        inside = [
            s for s in scores if ((s.ages["psnr_db"] > low) & (s.ages["psnr_db"] <= high)).any()
        ]
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
    return {
        "seed": route.seed,
        "variant": route.variant,
        "writes": one.walk.num_writes,
        "generated_chunks": one.walk.num_generated,
        "memory_norm": plain(one.norm),
        "motion_kept": {arm: plain(value) for arm, value in one.motion_kept.items()},
        "first_visit_psnr_db": {arm: plain(v) for arm, v in one.first_visit_db.items()},
        "age_frames": {metric: ages.tolist() for metric, ages in one.ages.items()},
        "values": {
            metric: {arm: [plain(v) for v in values] for arm, values in arms.items()}
            for metric, arms in one.values.items()
        },
    }
