"""What ``twospeed plan`` reports: every arm over the episodes, and the others against "on"."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twospeed.core.config import to_json
from twospeed.evaluation.metrics.bootstrap import bootstrap_mean
from twospeed.evaluation.reports.provenance import provenance_of
from twospeed.planning.episodes import Result, Skipped
from twospeed.planning.plan_config import PlanConfig
from twospeed.worldmodel.model import WorldModel


def report_of(
    config: PlanConfig, model: WorldModel, results: Sequence[Result], skipped: Skipped
) -> dict[str, Any]:
    """Return a plan's report as JSON values.

    Args:
        config: what was measured.
        model: the slow weights.
        results: of every arm in every episode.
        skipped: seeds that were left out.
    """
    by_arm = {arm: [one for one in results if one.arm == arm] for arm in config.arms}
    acting = [one for one in results if one.arm == ("on" if "on" in config.arms else one.arm)]
    decisions = sum(max(1, len(one.commands)) for one in acting)
    report = {
        "task": config.task,
        "world": config.world,
        "episodes": config.episodes,
        "first_seed": config.first_seed,
        "arms": {arm: _of_arm(those, config.seed) for arm, those in by_arm.items()},
        "distance_at_start_m": _mean([one.start_m for one in acting], config.seed),
        "skipped_solved": skipped.solved,
        "skipped_impossible": skipped.impossible,
        "skipped_failed": skipped.failed,
        "replans": round(float(np.mean([one.replans for one in acting])), 3),
        "seconds_per_decision": round(sum(one.seconds for one in acting) / decisions, 4),
        "imagined_frames": sum(one.num_imagined for one in results),
        "provenance": provenance_of(model) | {"config": to_json(config)},
        "notes": "distances in metres by the truth of the world, asked at the end alone; percentile"
        " bootstrap over episodes, 95 %; seconds of the arm on (or of all), imagining, reading and"
        " writing inside the clock, the world's own time outside; starts that are solved are left"
        " out and counted; where an engine failed twice, nothing was done, which is no success",
    }
    if "on" in by_arm:
        report["less_distance_m"] = _paired(by_arm, config.seed)
    return report


def _of_arm(results: Sequence[Result], seed: int) -> dict[str, Any]:
    return {
        "distance_m": _mean([one.distance_m for one in results], seed),
        "success": _mean([float(one.success) for one in results], seed),
        "failed": sum(bool(one.failure) for one in results),
        "replans": round(float(np.mean([one.replans for one in results])), 3),
        "chunks": round(float(np.mean([len(one.commands) for one in results])), 3),
    }


def _paired(by_arm: Mapping[str, Sequence[Result]], seed: int) -> dict[str, Any]:
    """Return how much nearer the arm "on" came than every other, episode by episode."""
    on = np.array([one.distance_m for one in by_arm["on"]])
    return {
        arm: _mean(np.array([one.distance_m for one in those]) - on, seed)
        for arm, those in by_arm.items()
        if arm != "on"
    }


def _mean(values: Any, seed: int) -> dict[str, Any]:
    return bootstrap_mean(values, seed=seed).to_json()
