"""A law that is known is found again, and what cannot be told is said."""

import numpy as np
import pytest

from twospeed.core.errors import DataError
from twospeed.evaluation.metrics.law import fit_law

GRID = [(rank, writes, 16.0) for rank in (8, 16, 32, 64) for writes in (4, 8, 32)]
PARTS = {name: [it[i] for it in GRID] for i, name in enumerate(("rank", "writes", "places"))}


def scores(noise=0.0):
    generator = np.random.default_rng(0)
    return [
        3 + 1.5 * np.log2(rank) - 2 * np.log2(writes) + noise * generator.standard_normal()
        for rank, writes, _ in GRID
    ]


def test_an_exact_law_leaves_no_residuals():
    law = fit_law(PARTS, scores(), seed=0)
    assert law.constant == pytest.approx(3)
    assert set(law.slopes) == {"rank", "writes"}
    assert law.slopes["rank"] == pytest.approx((1.5, 1.5, 1.5))
    assert law.slopes["writes"] == pytest.approx((-2, -2, -2))
    assert law.spread == pytest.approx(0, abs=1e-9)
    assert law.r_squared == pytest.approx(1)


def test_noise_is_in_residuals_and_intervals():
    law = fit_law(PARTS, scores(0.5), seed=0)
    slope, low, high = law.slopes["rank"]
    assert low < slope < high
    assert low < 1.5 < high
    assert 0.1 < law.spread < 1
    assert law.fitted_N + law.residual_N == pytest.approx(np.array(scores(0.5)))
    assert law.r_squared < 1


def test_parts_that_go_together_are_not_told_apart():
    with pytest.raises(DataError, match="vary one apart from the others"):
        fit_law({"writes": [1, 2, 4, 8], "places": [2, 4, 8, 16]}, [1, 2, 3, 4], seed=0)
    with pytest.raises(DataError, match="2 points are too few"):
        fit_law({"writes": [1, 2]}, [1, 2], seed=0)


def test_logarithms_are_of_what_is_above_0():
    with pytest.raises(DataError, match="writes must be above 0"):
        fit_law({"writes": [0, 1, 2]}, [1, 2, 3], seed=0)
