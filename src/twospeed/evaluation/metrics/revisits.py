"""Consistency at revisits (SRC of SlowFast-VGen): are features alike when a place comes again?

Which frames show a place again is found in the truth, or known because a clip goes out and back the
same way. A frozen frame scores 1: read it beside how much moves. Axes: T frames, K features.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twospeed.core.video import Frames
from twospeed.evaluation.metrics.frames import mean_squared_error

SAME_ERROR = 65.0
"""Mean squared error up to which two true frames show the same place: 30 dB."""

Pair = tuple[int, int]
"""A frame, and a later one that shows the same place."""


def revisits_in(truth_THWC: Frames, *, same: float = SAME_ERROR) -> list[Pair]:
    """Return (first visit, later visit) of every frame that shows again what was left between.

    Args:
        truth_THWC: true frames.
        same: mean squared error up to which two frames count as the same.
    """
    pairs = []
    for later in range(2, len(truth_THWC)):
        here = np.broadcast_to(truth_THWC[later], truth_THWC[:later].shape)
        is_same = mean_squared_error(truth_THWC[:later], here) <= same
        visits = np.flatnonzero(is_same)
        if len(visits) and not is_same[visits[0] :].all():
            pairs.append((int(visits[0]), later))
    return pairs


def mirrored(count: int) -> list[Pair]:
    """Return the pairs of a clip of `count` frames that goes out and back the same way."""
    return [(frame, count - 1 - frame) for frame in range(count // 2) if count - 1 - frame > frame]


def consistency(features_TK: NDArray[np.float64], pairs: Sequence[Pair]) -> float:
    """Return the mean cosine of features over the pairs, -1 to 1; NaN without pairs."""
    if not pairs:
        return float("nan")
    first, later = features_TK[[a for a, _ in pairs]], features_TK[[b for _, b in pairs]]
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(later, axis=1)
    return float(((first * later).sum(1) / np.maximum(norms, 1e-12)).mean())
