"""Seconds that one chunk takes, with and without memory."""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twospeed.generation.dream import Dream
from twospeed.memory.config import FastLearningConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.worldmodel.model import WorldModel

CLOCK = (
    "One episode. On the clock: all denoising steps of one chunk and decoding it to frames; with"
    " memory on, also the whole write that follows. Off the clock: loading, encoding the first"
    " frame. Median over chunks after two that warm up; of the first visits the mean."
)
WARM_UP = 2

Seconds = dict[str, float]


def seconds_per_chunk(
    model: WorldModel,
    first_frame: NDArray[np.uint8],
    actions: Sequence[str],
    config: FastLearningConfig,
    *,
    way_out: Sequence[str] = (),
) -> dict[str, float | str | int | Seconds]:
    """Dream with and without memory and return the median seconds a chunk; see `CLOCK`.

    Args:
        model: the slow weights.
        first_frame: (H, W, 3) of the model's size.
        actions: at least three, one a chunk.
        config: how the memory learns.
        way_out: actions that lead to new places, timed by themselves as "first_visits".
    """
    times = _times(model, first_frame, actions, config)
    report: dict[str, float | str | int | Seconds] = {
        arm: float(np.median(seconds[WARM_UP:])) for arm, seconds in times.items()
    }
    if way_out:
        visits = _times(model, first_frame, way_out, config)
        report["first_visits"] = {arm: float(np.mean(it)) for arm, it in visits.items()}
    return {**report, "clock": CLOCK, "chunks": len(actions) - WARM_UP}


def _times(
    model: WorldModel,
    first_frame: NDArray[np.uint8],
    actions: Sequence[str],
    config: FastLearningConfig,
) -> dict[str, list[float]]:
    memory = FastWeights(model, config)
    try:
        on = _times_of(Dream(model, first_frame, memory=memory), actions)
    finally:
        memory.detach()
    return {"on": on, "off": _times_of(Dream(model, first_frame), actions)}


def _times_of(dream: Dream, actions: Sequence[str]) -> list[float]:
    times = []
    for action in actions:
        started = time.perf_counter()
        dream.step(action)
        times.append(time.perf_counter() - started)
    return times
