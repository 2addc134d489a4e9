import numpy as np
import pytest

from twospeed.core.errors import ShapeError
from twospeed.evaluation.metrics.kernel import KernelTable


@pytest.fixture
def clips():
    return list(np.random.default_rng(0).normal(size=(6, 5, 4)))


def test_equal_sets_have_distance_zero(clips):
    assert KernelTable(clips, clips).distance() == pytest.approx(0, abs=1e-12)


def test_single_samples_have_the_closed_form():
    one, other = np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]])
    assert KernelTable([one], [other]).distance() == pytest.approx(1.5**3 + 3**3 - 2)


def test_a_draw_is_the_distance_of_the_drawn(clips):
    table = KernelTable(clips[:3], clips[3:])
    drawn = table.distance(np.array([0, 0, 2]), np.array([1, 2, 2]))
    again = KernelTable([clips[0], clips[0], clips[2]], [clips[4], clips[5], clips[5]])
    assert drawn == pytest.approx(again.distance())


def test_sets_that_do_not_compare_are_one_line(clips):
    with pytest.raises(ShapeError, match="same features"):
        KernelTable(clips, [np.zeros((2, 3))])
    with pytest.raises(ShapeError, match="same features"):
        KernelTable(clips, [])
