"""Kernel distance between two sets of features, clip by clip (the squared MMD of Binkowski 2018).

The kernel is (x · y / K + 1)³ over K features. The biased estimate is taken: 0 for equal sets and
never below. As a Fréchet distance it is larger for few samples: read it beside that of the truth.
Axes: A and B clips of the two sets, S samples of a clip, K features.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import ShapeError
from twospeed.evaluation.metrics.frechet import Features

Picks = NDArray[np.int64]


class KernelTable:
    """Mean kernels of every clip with every other, from which any draw of clips is scored.

    Args:
        one: features (S, K) of every clip of the first set.
        other: of the second.

    Raises:
        ShapeError: when a set is empty or features have different lengths.
    """

    def __init__(self, one: Sequence[Features], other: Sequence[Features]) -> None:
        if not one or not other or len({it.shape[1] for it in (*one, *other)}) != 1:
            raise ShapeError("two sets of features should have clips of the same features")
        self.within_one = _means(one, one)
        self.within_other = _means(other, other)
        self.across = _means(one, other)

    def distance(self, picks_A: Picks | None = None, picks_B: Picks | None = None) -> float:
        """Return the squared distance, 0 or more, of some clips of each set; None takes all."""
        a = np.arange(len(self.within_one)) if picks_A is None else picks_A
        b = np.arange(len(self.within_other)) if picks_B is None else picks_B
        inside = self.within_one[np.ix_(a, a)].mean() + self.within_other[np.ix_(b, b)].mean()
        return max(0.0, float(inside - 2 * self.across[np.ix_(a, b)].mean()))


def _means(one: Sequence[Features], other: Sequence[Features]) -> Features:
    return np.array([[_mean_kernel(x, y) for y in other] for x in one])


def _mean_kernel(x_SK: Features, y_SK: Features) -> float:
    return float(((x_SK @ y_SK.T / x_SK.shape[1] + 1) ** 3).mean())
