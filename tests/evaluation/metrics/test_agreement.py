import math

import pytest

from twospeed.evaluation.metrics.agreement import krippendorff_alpha


def test_alpha_of_the_textbook_example():
    units = [[1], [], [2, 2], [1, 1], [3, 3], [3, 3, 4], [4, 4, 4], [1, 3], [2, 2], [1, 1], [1, 1],
             [3, 3], [3, 3], [], [3, 4]]  # fmt: skip
    assert krippendorff_alpha(units) == pytest.approx(0.811, abs=5e-4)


def test_who_agrees_has_one_and_who_cannot_be_compared_none():
    assert krippendorff_alpha([[0, 0], [1, 1]]) == 1
    assert math.isnan(krippendorff_alpha([[0.5], [0.1]]))
    assert math.isnan(krippendorff_alpha([[1, 1], [1, 1]]))
    assert krippendorff_alpha([[0, 1], [1, 0]]) < 0
