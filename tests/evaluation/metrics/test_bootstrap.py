import numpy as np
import pytest

from twospeed.evaluation.metrics.bootstrap import bootstrap_mean


def test_intervals_hold_the_true_mean_about_as_often_as_they_say():
    generator = np.random.default_rng(0)
    hits = 0
    for trial in range(300):
        interval = bootstrap_mean(generator.normal(3, 2, size=64), seed=trial, resamples=400)
        hits += interval.low <= 3 <= interval.high
    assert 0.90 <= hits / 300 <= 0.98


def test_the_width_is_that_of_the_normal_approximation():
    values = np.random.default_rng(1).normal(0, 1, size=400)
    interval = bootstrap_mean(values, seed=0, resamples=4000)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.06)
    assert interval.mean == pytest.approx(values.mean())


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(2).random(50)
    assert bootstrap_mean(values, seed=3) == bootstrap_mean(values, seed=3)
    assert bootstrap_mean(values, seed=3) != bootstrap_mean(values, seed=4)


def test_episodes_without_a_value_are_left_out_and_counted():
    interval = bootstrap_mean([1.0, float("nan"), 1.0], seed=0)
    assert (interval.mean, interval.low, interval.high, interval.n) == (1, 1, 1, 2)
    assert bootstrap_mean([], seed=0).to_json() == {"mean": None, "low": None, "high": None, "n": 0}
