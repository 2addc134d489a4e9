import math

import pytest
import torch

from twospeed.worldmodel.rendering.camera import Camera, line_of, turned_rays

CAMERAS = [Camera(), Camera(reach=0.6), Camera(0.839, 0.1), Camera(1.0, -0.3)]


@pytest.mark.parametrize("camera", CAMERAS)
def test_the_places_of_its_rays_are_its_pixels(camera):
    right, down = camera.rays(16).unbind(-1)
    places = camera.places(torch.ones_like(right), right, down).unflatten(0, (16, 16))
    line = line_of(16, 1.0)
    torch.testing.assert_close(places[..., 0], line.expand(16, -1))
    torch.testing.assert_close(places[..., 1], line[:, None].expand(-1, 16))


@pytest.mark.parametrize("camera", CAMERAS)
def test_points_are_placed_as_a_turned_axis_says(camera):
    """The definition: coordinates along the camera's own three axes, in float64."""
    points_N3 = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)).double()
    points_N3[:, 0] = points_N3[:, 0].abs() + 2
    ahead = torch.tensor([math.cos(camera.pitch), 0, math.sin(camera.pitch)]).double()
    below = torch.tensor([-math.sin(camera.pitch), 0, math.cos(camera.pitch)]).double()
    across = points_N3[:, 1] / (points_N3 @ ahead) / camera.reach
    down = (points_N3 @ below) / (points_N3 @ ahead) / camera.reach
    placed = camera.places(*points_N3.unbind(1))
    torch.testing.assert_close(placed, torch.stack([across, down], 1), check_dtype=False)


def test_a_camera_that_looks_down_sees_the_horizon_above_its_middle():
    ahead = torch.ones(1)
    assert Camera(1.0, 0.1).places(ahead, 0 * ahead, 0 * ahead)[0, 1] == pytest.approx(
        -math.tan(0.1)
    )


def test_turning_there_and_back_gives_the_same_rays():
    rays = Camera(0.839, 0.1).rays(16)
    turn = torch.tensor(0.3)
    torch.testing.assert_close(turned_rays(turned_rays(rays, turn), -turn), rays)
