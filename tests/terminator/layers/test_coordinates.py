import numpy as np
import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.terminator.layers.coordinates import axis_points, grid_of


def test_points_have_the_stored_bits(archive_path):
    arrays = np.load(archive_path)
    for name in (name for name in arrays.files if name.startswith("coords/")):
        points = axis_points(int(name.removeprefix("coords/")))
        assert np.array_equal(points.numpy(), arrays[name])


@pytest.mark.parametrize("num_points", [2, 7, 32, 144, 1024])
def test_points_are_those_of_a_single_precision_linspace(num_points):
    assert torch.equal(axis_points(num_points), torch.linspace(-1, 1, num_points))


def test_first_axis_runs_over_rows():
    grid_DHW = grid_of((2, 3))
    assert grid_DHW.shape == (2, 2, 3)
    assert grid_DHW[0].tolist() == [[-1] * 3, [1] * 3]
    assert grid_DHW[1, 0].tolist() == [-1, 0, 1]


def test_an_axis_without_points_is_refused():
    with pytest.raises(ConfigError, match="at least 1 point, got 0"):
        axis_points(0)
