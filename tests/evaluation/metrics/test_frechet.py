import numpy as np
import pytest

from twospeed.core.errors import ShapeError
from twospeed.evaluation.metrics.frechet import Cloud


def drawn(seed, count=400, features=6):
    return np.random.default_rng(seed).normal(size=(count, features))


def frechet_distance(some, others):
    return Cloud.of(some).distance(Cloud.of(others))


def test_a_set_is_at_no_distance_from_itself():
    some = drawn(0)
    assert frechet_distance(some, some) == pytest.approx(0, abs=1e-6)


def test_a_shift_counts_as_its_square_and_a_scale_as_the_difference_of_deviations():
    some = drawn(1)
    assert frechet_distance(some, some + 3) == pytest.approx(6 * 9)
    variance = some.var(0, ddof=1).sum()
    assert frechet_distance(some, 3 * (some - some.mean(0)) + some.mean(0)) == pytest.approx(
        4 * variance
    )


def test_it_is_the_closed_form_with_a_matrix_root():
    linalg = pytest.importorskip("scipy.linalg")
    one, other = drawn(2) @ drawn(3, 6), drawn(4, 300) @ drawn(5, 6) + 1
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    expected = np.square(one.mean(0) - other.mean(0)).sum() + np.trace(
        first + second - 2 * linalg.sqrtm(first @ second).real
    )
    assert frechet_distance(one, other) == pytest.approx(expected)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one))


def test_other_sizes_get_one_line():
    with pytest.raises(ShapeError, match="same features, got 6 and 5"):
        frechet_distance(drawn(0), drawn(0, features=5))
    with pytest.raises(ShapeError, match="N >= 2"):
        Cloud.of(drawn(0, count=1))
