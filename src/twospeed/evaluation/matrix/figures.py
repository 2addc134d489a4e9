"""Finished units -> the figures of a report: means with intervals, paired gains, curves, costs."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from twospeed.evaluation.matrix.judge import EXTRA
from twospeed.evaluation.matrix.table import CONTROLS
from twospeed.evaluation.matrix.unit import REAL, TRUTH, Bench, read_unit
from twospeed.evaluation.metrics.bootstrap import bootstrap_mean, plain
from twospeed.evaluation.metrics.windows import STRETCH
from twospeed.evaluation.reports.summary import AGE_EDGES
from twospeed.evaluation.videos.scores import ClipScores
from twospeed.evaluation.videos.summary import PER_CLIP, drift_over, halves, summarise
from twospeed.evaluation.videos.warn import warnings_of

Json = dict[str, Any]
Read = list[tuple[Json, ClipScores]]

_FRAME_METRICS = ("psnr_db", "ssim", "lpips")

BASE = "none"
"""The memory that paired gains are over."""


def figures_of(bench: Bench, memories: Sequence[str], seeds: range, reference_seeds: range) -> Json:
    """Return the figures of all memories and controls.

    Raises:
        DataError: when a unit is missing or damaged.
    """
    real = [read_unit(bench.place(REAL, seed))[1] for seed in reference_seeds]
    arms: dict[str, Read] = {
        arm: [read_unit(bench.place(arm, seed)) for seed in seeds]
        for arm in (*memories, *CONTROLS, TRUTH)
    }
    found = {arm: _arm(read, real, bench.seed) for arm, read in arms.items()}
    if bench.protocol.reference == "same":
        found[TRUTH] |= halves(real, seed=bench.seed)
    for arm in memories:
        found[arm] |= _costs(arms[arm])
        if BASE in memories and arm != BASE:
            found[arm]["gain_over_none"] = _gains(arms[arm], arms[BASE], bench.seed)
    shapes = {str(record["seed"]): _shape(one) for record, one in arms[TRUTH]}
    controls = {arm: found.pop(arm) for arm in (*CONTROLS, TRUTH)}
    return {
        "memories": found,
        "controls": controls,
        "warnings": _warnings(found, controls, shapes),
        "per_episode": {arm: [_episode(record) for record, _ in arms[arm]] for arm in arms},
    }


def _arm(read: Read, real: Sequence[ClipScores], seed: int) -> Json:
    scores = [one for _, one in read]
    found: Json = summarise(scores, real, seed=seed)
    for name in EXTRA:
        found[name] = _mean(name, scores, seed)
    curve = _curve(read, seed)
    drift = drift_over(scores, stretch=STRETCH)
    found["by_frame"] = _by_frame(scores)
    return found | ({"curve": curve} if curve else {}) | ({"drift": drift} if drift else {})


def _by_frame(scores: Sequence[ClipScores]) -> Json:
    """Return the mean over episodes at every generated frame, where all have as many."""
    tables = {
        name: [one.frames[name] for one in scores if name in one.frames] for name in _FRAME_METRICS
    }
    return {
        name: np.round(np.mean(table, axis=0), 3).tolist()
        for name, table in tables.items()
        if len(table) == len(scores) and len({len(it) for it in table}) == 1
    }


def _mean(name: str, scores: Sequence[ClipScores], seed: int) -> Json:
    values = [one.values.get(name, np.nan) for one in scores]
    if all(name in one.missing for one in scores):
        return {"not_computed": scores[0].missing[name]}
    return bootstrap_mean(values, seed=seed).to_json()


def _costs(read: Read) -> Json:
    seconds = np.concatenate([record["seconds"] for record, _ in read])
    return {
        "seconds_per_chunk": plain(float(np.median(seconds))),
        "bytes": int(np.median([record["bytes"] for record, _ in read])),
        "writes": plain(float(np.mean([record["writes"] for record, _ in read]))),
        "places": plain(float(np.mean([record["places"] for record, _ in read]))),
    }


def _gains(read: Read, base: Read, seed: int) -> Json:
    """Return paired differences from the memory `BASE`, episode by episode."""
    pairs = [(one.values, other.values) for (_, one), (_, other) in zip(read, base, strict=True)]
    names = [name for name in (*PER_CLIP, *EXTRA) if all(name in one for one, _ in pairs)]
    return {
        name: bootstrap_mean([one[name] - other[name] for one, other in pairs], seed=seed).to_json()
        for name in names
        if all(name in other for _, other in pairs)
    }


def _curve(read: Read, seed: int) -> list[Json]:
    """Return PSNR over the age of what is recalled, an episode's mean first."""
    points = []
    for low, high in itertools.pairwise(AGE_EDGES):
        values = [
            [value for age, value in record["curve"] if low < age <= high] for record, _ in read
        ]
        means = [float(np.mean(it)) for it in values if it]
        if means:
            point = {"above": low, "up_to": high}
            points.append(point | bootstrap_mean(means, seed=seed).to_json())
    return points


def _warnings(found: Json, controls: Json, shapes: dict[str, list[int]]) -> list[str]:
    lines: dict[str, None] = {}
    for name, metrics in found.items():
        for line in warnings_of(metrics, controls, shapes):
            about = line.replace("these clips", name)
            lines[about] = None
    return list(lines)


def _shape(scores: ClipScores) -> list[int]:
    return [len(scores.frames["scene_cuts"])]


def _episode(record: Json) -> Json:
    values = {name: None if it is None else plain(it) for name, it in record["values"].items()}
    return {"seed": record["seed"], "values": values}
