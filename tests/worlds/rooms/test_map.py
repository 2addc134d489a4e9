import numpy as np
import pytest

from twospeed.worlds.rooms.looks import COLOURS
from twospeed.worlds.rooms.map import draw_map
from twospeed.worlds.rooms.raycast import Scene

SCALE = 30


@pytest.fixture(scope="module")
def scene():
    return Scene.of_seed(3)


def pixel(picture, scene, x, y):
    up = scene.plan.y_edges[-1] - y + 0.5
    return picture[round(up * SCALE), round((x + 0.5) * SCALE)].astype(int)


def test_a_map_has_the_size_of_the_plan_and_a_border(scene):
    picture = draw_map(scene, pixels_per_metre=SCALE)
    width, height = scene.plan.x_edges[-1] + 1, scene.plan.y_edges[-1] + 1
    assert picture.shape == (height * SCALE, width * SCALE, 3)
    assert picture.dtype == np.uint8


def test_walls_are_dark_and_doors_are_open(scene):
    picture = draw_map(scene, pixels_per_metre=SCALE)
    for position, start, end in scene.walls[0].segments.tolist():
        assert pixel(picture, scene, position, (start + end) / 2).max() < 80
    for a, b in scene.plan.doors:
        _, ay = scene.plan.centre(a)
        if b == a + 1:
            edge = scene.plan.x_edges[a % scene.plan.columns + 1]
            assert pixel(picture, scene, edge - 0.02, ay).min() > 100


def test_landmarks_have_their_colours(scene):
    picture = draw_map(scene, pixels_per_metre=SCALE)
    for mark in scene.landmarks:
        colour = 255 * np.array(COLOURS[mark.name.split()[0]])
        low = round((scene.plan.y_edges[-1] - mark.y + 0.5) * SCALE), round((mark.x + 0.5) * SCALE)
        around = picture[low[0] - 9 : low[0] + 10, low[1] - 9 : low[1] + 10].reshape(-1, 3)
        assert np.abs(around - colour).max(axis=1).min() < 3
