import math

import numpy as np
import pytest

from twospeed.worlds.rooms.camera import Camera
from twospeed.worlds.rooms.looks import IDENTITIES, TEXELS
from twospeed.worlds.rooms.paint import LANDMARK_SIZE
from twospeed.worlds.rooms.raycast import Scene, render, render_frames
from twospeed.worlds.rooms.rays import nearest_walls
from twospeed.worlds.rooms.world import pose_array, start_pose, walk

TOUR = ["turn left", "go forward", "step right", "turn right"]


@pytest.fixture(scope="module", params=[0, 1, 2, 800_000])
def scene(request):
    return Scene.of_seed(request.param)


@pytest.fixture(scope="module")
def poses(scene):
    return pose_array(walk(scene, start_pose(scene, 0), TOUR))


def plain_hit(scene, pose, slope):
    """The definition, in float64: the nearest wall on one ray, as depth, place and face.

    The ray goes one metre ahead and `slope` metres to the right for every metre of depth.
    """
    x, y, heading = (float(value) for value in pose)
    angle = math.radians(heading)
    ray = (
        math.cos(angle) + slope * math.sin(angle),
        math.sin(angle) - slope * math.cos(angle),
    )
    best = (math.inf, 0.0, -1, -1)
    for axis, walls in enumerate(scene.walls):
        here, other = ((x, y), (y, x))[axis]
        for (position, start, end), faces in zip(walls.segments.tolist(), walls.faces, strict=True):
            if abs(ray[axis]) > 1e-6:
                depth = (position - here) / ray[axis]
                along = other + depth * ray[1 - axis]
                if depth > 1e-3 and start <= along <= end:
                    best = min(best, (depth, along, int(faces[int(ray[axis] < 0)]), axis))
    return best


def plain_colour(scene, pose, size, row, column):
    """The colour of one pixel in float64, 0 to 255, landmarks left out."""
    slope, below = (((place + 0.5) / (size / 2) - 1) for place in (column, row))
    depth, along, face, axis = plain_hit(scene, pose, slope)
    if abs(below * depth) <= 1:
        level = (depth > 2.5) + (depth > 5)
        u, v = int(along * TEXELS / 2) % TEXELS, int((1 - below * depth) * TEXELS / 2)
        colour = scene.looks.wall_textures[:, face, level, u, min(v, TEXELS - 1)]
        return 255 * colour / (1 + 0.06 * depth) * (0.82 if axis else 1.0)
    depth = 1 / abs(below)
    angle = math.radians(float(pose[2]))
    x = float(pose[0]) + depth * (math.cos(angle) + slope * math.sin(angle))
    y = float(pose[1]) + depth * (math.sin(angle) - slope * math.cos(angle))
    room = scene.plan.room_at(x, y)
    if below < 0:
        return 255 * scene.looks.ceilings[room] / (1 + 0.06 * depth)
    is_dark = (math.floor(2 * x) + math.floor(2 * y)) % 2
    tile = 0.875 - 0.25 / (1 + (depth / 3) ** 2) * (is_dark - 0.5)
    return 255 * scene.looks.floors[room] * tile / (1 + 0.06 * depth)


def test_rays_meet_the_walls_that_the_definition_says(scene, poses):
    camera = Camera.of_size(33)
    _, rays_F2W = camera.rays(poses)
    hits = nearest_walls(scene.wall_table, poses[:, :2], rays_F2W)
    for frame in range(0, len(poses), 3):
        for column in range(0, 33, 4):
            depth, along, face, axis = plain_hit(scene, poses[frame], camera.slope_list[column])
            at = (frame, column)
            assert hits.depth[at] == pytest.approx(depth, rel=1e-4)
            assert hits.along[at] == pytest.approx(along, abs=1e-3)
            assert (hits.face[at], hits.axis[at]) == (face, axis)


def test_pixels_have_the_colours_that_the_definition_says(scene, poses):
    size, chosen = 32, poses[::4]
    picture = render(scene, chosen, size=size)
    generator = np.random.default_rng(0)
    off = []
    for frame, row, column in generator.integers(0, (len(chosen), size, size), (400, 3)).tolist():
        if picture.landmarks[frame, row, column] < 0:
            colour = plain_colour(scene, chosen[frame], size, row, column)
            off.append(np.abs(picture.frames[frame, row, column] - colour).max())
    assert len(off) > 200
    # a float32 ray may meet the next texel or tile where two of them touch
    assert np.mean(np.array(off) < 1) > 0.99


def test_equal_seeds_give_equal_frames_bit_for_bit(poses):
    one, other = (render(Scene.of_seed(7), poses, size=24) for _ in range(2))
    assert np.array_equal(one.frames, other.frames)
    assert np.array_equal(one.landmarks, other.landmarks)


def test_many_frames_at_once_are_the_same_as_one_by_one(scene, poses):
    together = render(scene, poses, size=24)
    for index in range(len(poses)):
        alone = render(scene, poses[index : index + 1], size=24)
        assert np.array_equal(alone.frames[0], together.frames[index])
        assert np.array_equal(alone.landmarks[0], together.landmarks[index])


def test_frames_alone_are_the_frames_of_the_picture(scene, poses):
    frames = render_frames(scene, poses, Camera.of_size(16))
    assert np.array_equal(frames, render(scene, poses, size=16).frames)


@pytest.mark.parametrize("size", [8, 9, 31, 64, 65, 200])
def test_any_size_of_frame_shows_the_same_view(scene, poses, size):
    picture = render(scene, poses[:2], size=size)
    assert picture.frames.shape == (2, size, size, 3)
    assert picture.landmarks.shape == (2, size, size)
    large = render(scene, poses[:2], size=4 * size).frames
    small = large.reshape(2, size, 4, size, 4, 3).mean(axis=(2, 4))
    assert np.abs(small - picture.frames).mean() < 20  # a ray a pixel: no smoothing


def test_no_frames_are_an_empty_picture(scene):
    assert render(scene, np.empty((0, 3), np.float32), size=16).frames.shape == (0, 16, 16, 3)


def view_of(mark, distance):
    """A pose that looks along +x at a landmark in the middle of the picture."""
    return np.array([[mark.x - distance, mark.y, 0.0]], np.float32)


def test_landmarks_are_shown_where_the_picture_says(scene):
    hues = {"red": 0, "green": 1, "blue": 2}
    for index, mark in enumerate(scene.landmarks):
        picture = render(scene, view_of(mark, 0.5), size=64)
        pixels = picture.frames[0][picture.landmarks[0] == index].astype(float)
        assert len(pixels) > 100
        channel = hues.get(mark.name.split()[0])
        if channel is not None:
            assert (pixels.argmax(axis=1) == channel).all()


def test_a_landmark_has_its_size_and_stands_on_the_floor(scene):
    distance, size = 0.5, 256
    for index, mark in enumerate(scene.landmarks):
        if mark.name.endswith("ball"):
            rows = (render(scene, view_of(mark, distance), size=size).landmarks[0] == index).any(1)
            top = np.flatnonzero(rows)[0]
            assert top == pytest.approx(
                (1 + (1 - LANDMARK_SIZE) / distance) * size / 2, abs=10
            )  # a texel


def test_nothing_is_shown_of_a_landmark_that_is_behind_a_wall_or_the_camera(scene):
    for index, mark in enumerate(scene.landmarks):
        room = scene.plan.room_at(mark.x, mark.y)
        x, y = scene.plan.centre(room)
        heading = math.degrees(math.atan2(y - mark.y, x - mark.x))
        away = np.array([[x, y, heading]], np.float32)
        assert not (render(scene, away, size=32).landmarks == index).any()
        through = np.array([[mark.x - 40, mark.y, 0.0]], np.float32)
        assert not (render(scene, through, size=32).landmarks == index).any()


def test_pixels_without_a_landmark_do_not_depend_on_landmarks(scene, poses):
    bare = Scene(plan=scene.plan, looks=scene.looks, landmarks=(), walls=scene.walls)
    full, empty = (render(it, poses, size=32) for it in (scene, bare))
    differs = (full.frames != empty.frames).any(axis=-1)
    assert not differs[full.landmarks < 0].any()
    assert (empty.landmarks == -1).all()
    is_shown = full.landmarks >= 0
    assert (differs & is_shown).sum() >= 0.95 * is_shown.sum()


def test_no_identity_stands_twice_in_a_scene_and_every_room_has_one():
    for seed in range(20):
        scene = Scene.of_seed(seed)
        names = [mark.name for mark in scene.landmarks]
        assert len(set(names)) == len(names)
        assert set(names) <= set(IDENTITIES)
        rooms = {scene.plan.room_at(mark.x, mark.y) for mark in scene.landmarks}
        assert rooms == set(range(scene.plan.num_rooms))
