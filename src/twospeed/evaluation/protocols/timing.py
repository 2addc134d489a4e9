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
    " frame. Median over chunks after two that warm up."
)
WARM_UP = 2


def seconds_per_chunk(
    model: WorldModel,
    first_frame: NDArray[np.uint8],
    actions: Sequence[str],
    config: FastLearningConfig,
) -> dict[str, float | str | int]:
    """Dream with and without memory and return the median seconds a chunk; see `CLOCK`.

    Args:
        model: the slow weights.
        first_frame: (H, W, 3) of the model's size.
        actions: at least three, one a chunk.
        config: how the memory learns.
    """
    off = _times(Dream(model, first_frame), actions)
    memory = FastWeights(model, config)
    try:
        on = _times(Dream(model, first_frame, memory=memory), actions)
    finally:
        memory.detach()
    seconds = {"on": float(np.median(on)), "off": float(np.median(off))}
    return {**seconds, "clock": CLOCK, "chunks": len(on)}


def _times(dream: Dream, actions: Sequence[str]) -> list[float]:
    times = []
    for action in actions:
        started = time.perf_counter()
        dream.step(action)
        times.append(time.perf_counter() - started)
    return times[WARM_UP:]
