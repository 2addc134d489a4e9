"""Consistency at revisits (SRC of SlowFast-VGen): are features alike when a place comes again?

Which frames show a place again is found in the truth, or known because a clip goes out and back the
same way. A frozen frame scores 1: read it beside how much moves. Axes: T frames, N numbers of a
frame, K features.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twospeed.evaluation.metrics.frames import AnyFrames, levels

SAME_ERROR = 65.0
"""Mean squared error up to which two true frames show the same place: 30 dB."""

_AT_ONCE = 2**22
"""Numbers of all frames that are multiplied at once."""

Pair = tuple[int, int]
"""A frame, and a later one that shows the same place."""


def revisits_in(truth_THWC: AnyFrames, *, same: float = SAME_ERROR) -> list[Pair]:
    """Return (first visit, later visit) of every frame that shows again what was left between.

    Args:
        truth_THWC: true frames.
        same: mean squared error up to which two frames count as the same.
    """
    is_same_TT = errors_between(truth_THWC) <= same
    pairs = []
    for later in range(2, len(truth_THWC)):
        is_same = is_same_TT[later, :later]
        visits = np.flatnonzero(is_same)
        if len(visits) and not is_same[visits[0] :].all():
            pairs.append((int(visits[0]), later))
    return pairs


def errors_between(frames_THWC: AnyFrames) -> NDArray[np.float64]:
    """Return the mean squared error of every frame with every other, (T, T), 0 to 255**2."""
    flat_TN = levels(frames_THWC).reshape(len(frames_THWC), -1)
    count, numbers = flat_TN.shape
    products_TT = np.zeros((count, count))
    step = max(1, _AT_ONCE // count)
    for start in range(0, numbers, step):
        part = flat_TN[:, start : start + step].astype(np.float64)
        products_TT += part @ part.T
    squares_T = products_TT.diagonal()
    return (squares_T[:, None] + squares_T - 2 * products_TT) / numbers


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
