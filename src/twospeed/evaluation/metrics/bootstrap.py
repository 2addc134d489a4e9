"""How sure a mean over episodes is: percentile bootstrap intervals.

Episodes are drawn with replacement, never frames: frames of one episode are alike. A gain is the
interval of the paired differences, episode by episode.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
"""Bootstrap draws of an interval."""

LEVEL = 0.95
"""Share of the draws inside an interval."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A mean over episodes and its percentile bootstrap interval; all NaN without episodes."""

    mean: float
    low: float
    high: float
    n: int
    """Episodes that have a value."""

    def to_json(self) -> dict[str, float | int | None]:
        """Return plain JSON values; NaN becomes null."""
        numbers = {"mean": self.mean, "low": self.low, "high": self.high}
        return {name: plain(value) for name, value in numbers.items()} | {"n": self.n}


def bootstrap_mean(
    values_E: Sequence[float] | NDArray[np.float64],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval:
    """Return the mean over episodes and its interval.

    Args:
        values_E: one an episode; NaN where an episode has none, which is left out.
        seed: decides the draws; the same seed and values give the same interval.
        resamples: draws.
        level: share of the draws inside the interval.
    """
    values = np.asarray(values_E, np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return Interval(mean=np.nan, low=np.nan, high=np.nan, n=0)
    chosen = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    tails = (50 * (1 - level), 50 * (1 + level))
    low, high = np.percentile(values[chosen].mean(1), tails)
    return Interval(mean=float(values.mean()), low=float(low), high=float(high), n=len(values))


def plain(value: float) -> float | None:
    """Round for JSON to five decimals; NaN becomes None."""
    return None if np.isnan(value) else round(float(value), 5)
