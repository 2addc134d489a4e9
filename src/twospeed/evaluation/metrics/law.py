"""A law of a score: a weighted sum of logarithms of what may explain it, by least squares.

Axes: N points, P parts that differ between points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError

RESAMPLES = 1000
"""Bootstrap draws of points, for the intervals."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Law:
    """score = constant + the sum over parts of slope x log2(part)."""

    constant: float
    slopes: dict[str, tuple[float, float, float]]
    """Part -> the score that a doubling adds: fitted, and its 95 % interval over points."""

    fitted_N: NDArray[np.float64]
    residual_N: NDArray[np.float64]
    """Score less fitted."""

    r_squared: float
    """Share of the score's variance that is explained; 0 where the score does not vary."""

    @property
    def spread(self) -> float:
        """Root mean square of the residuals, in units of the score."""
        return float(np.sqrt(np.mean(self.residual_N**2)))


def fit_law(parts: Mapping[str, Sequence[float]], score_N: Sequence[float], *, seed: int) -> Law:
    """Fit a law; parts that are the same at all points are left out.

    Args:
        parts: name -> a positive number for every point.
        score_N: what is to be explained.
        seed: of the bootstrap.

    Raises:
        DataError: when points are too few to tell the parts apart, or a part is not positive.
    """
    scores = np.asarray(score_N, np.float64)
    columns = {name: np.asarray(it, np.float64) for name, it in parts.items()}
    for name, column in columns.items():
        if not (column > 0).all():
            raise DataError(f"a law is of logarithms: {name} must be above 0 at every point")
    logs = {name: np.log2(it) for name, it in columns.items() if np.ptp(it) > 0}
    design = np.stack([np.ones(len(scores)), *logs.values()], axis=1)
    if len(scores) <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        raise DataError(
            f"{len(scores)} points are too few to tell {', '.join(logs) or 'a constant'} apart:"
            " run more points, or vary one apart from the others"
        )
    found = _solved(design, scores)
    ends = np.percentile(_drawn(design, scores, seed), (2.5, 97.5), axis=0)
    fitted = design @ found
    total = float(np.sum((scores - scores.mean()) ** 2))
    unexplained = float(np.sum((scores - fitted) ** 2))
    return Law(
        constant=float(found[0]),
        slopes={
            name: (float(found[1 + i]), float(ends[0, 1 + i]), float(ends[1, 1 + i]))
            for i, name in enumerate(logs)
        },
        fitted_N=fitted,
        residual_N=scores - fitted,
        r_squared=1 - unexplained / total if total > 0 else 0.0,
    )


def _solved(design: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.lstsq(design, scores)[0])


def _drawn(
    design: NDArray[np.float64], scores: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    """Fit points drawn with replacement; draws that cannot tell the parts apart are left out."""
    generator = np.random.default_rng(seed)
    picks = generator.integers(len(scores), size=(RESAMPLES, len(scores)))
    whole = design.shape[1]
    able = [pick for pick in picks if np.linalg.matrix_rank(design[pick]) == whole]
    return np.stack([_solved(design[pick], scores[pick]) for pick in able])
