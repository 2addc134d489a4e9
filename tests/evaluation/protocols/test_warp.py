"""A picture whose colour is its column tells where every pixel was looked up."""

import numpy as np
import pytest

from twospeed.evaluation.protocols.warp import DEPTH, warped
from twospeed.worldmodel.rendering.camera import Camera

SIDE = 64
COLUMNS = np.broadcast_to(np.arange(SIDE, dtype=np.uint8)[None, :, None], (SIDE, SIDE, 3))
ROW = SIDE // 2


def columns_at(slope_W, reach):
    """Return the columns of an old frame where slopes to the right are seen."""
    return ((slope_W / reach + 1) * SIDE / 2).clip(0, SIDE - 1)


def slopes(reach):
    return ((2 * np.arange(SIDE) + 1) / SIDE - 1) * reach


@pytest.mark.parametrize("reach", [1.0, 0.75])
@pytest.mark.parametrize(("action", "sign"), [("turn left", 1), ("turn right", -1)])
def test_a_turn_shows_what_stood_at_that_angle_whatever_its_depth(action, sign, reach):
    shown = warped(COLUMNS, action, Camera(reach))
    assert shown.shape == (4, SIDE, SIDE, 3)
    for step in (1, 2):
        angle = np.arctan(slopes(reach)) - sign * step * np.radians(22.5)
        expected = columns_at(np.tan(np.clip(angle, -1.5, 1.5)), reach)
        assert np.abs(shown[step - 1, ROW, :, 0] - np.floor(expected)).max() <= 1


@pytest.mark.parametrize(("action", "sign"), [("go forward", 1), ("go back", -1)])
def test_a_step_is_right_on_the_sphere(action, sign):
    slope = slopes(1.0)
    depth = DEPTH / np.sqrt(1 + slope**2)
    for step, shown in enumerate(warped(COLUMNS, action, Camera()), 1):
        expected = columns_at(slope * depth / (depth + sign * 0.25 * step), 1.0)
        assert np.abs(shown[ROW, :, 0] - np.floor(expected)).max() <= 1


def test_steps_aside_are_mirrored():
    left, right = (warped(COLUMNS, it, Camera()) for it in ("step left", "step right"))
    assert np.abs((left[:, :, ::-1] + right).astype(int) - (SIDE - 1)).max() <= 1
    assert (left[-1, ROW, :, 0] < np.arange(SIDE)).any()
