import math

import numpy as np
import pytest

from twospeed.core.errors import ConfigError, UnknownNameError
from twospeed.worlds.base import FastWorld, Pose
from twospeed.worlds.language import MOVES, OPPOSITE
from twospeed.worlds.rooms.raycast import Scene
from twospeed.worlds.rooms.world import (
    LANDMARK_MARGIN,
    WALL_MARGIN,
    Rooms,
    is_free,
    moved,
    start_pose,
    walk,
)


@pytest.fixture(scope="module", params=range(6))
def scene(request):
    return Scene.of_seed(request.param)


def at(pose):
    return pose.x, pose.y


def test_every_command_is_undone_by_its_opposite_where_nothing_is_in_the_way(scene):
    undone = 0
    for seed in range(10):
        start = start_pose(scene, seed)
        for action in MOVES:
            there = moved(scene, start, action)
            back = moved(scene, there, OPPOSITE[action])
            if at(there) != at(start) or action.startswith("turn"):
                assert back.heading == start.heading
                assert math.dist(at(back), at(start)) < 1e-12
                undone += 1
    assert undone > 40


def test_four_chunks_of_a_turn_are_a_full_turn_exactly(scene):
    for seed in range(10):
        start = start_pose(scene, seed)
        for action in ("turn left", "turn right"):
            assert walk(scene, start, [action] * 4)[-1] == start


def test_a_chunk_ahead_is_a_metre(scene):
    lengths = []
    for seed in range(20):
        poses = walk(scene, start_pose(scene, seed), ["go forward"])
        lengths.append(math.dist(at(poses[0]), at(poses[-1])))
    assert max(lengths) == pytest.approx(1)


def test_no_walk_comes_too_near_to_walls_and_landmarks(scene):
    generator = np.random.default_rng(0)
    for pose in walk(scene, start_pose(scene, 1), generator.choice(list(MOVES), 100)):
        assert is_free(scene, pose.x, pose.y)
        assert min(math.dist(at(pose), (it.x, it.y)) for it in scene.landmarks) >= LANDMARK_MARGIN
        for axis, walls in enumerate(scene.walls):
            across, along = at(pose) if axis == 0 else at(pose)[::-1]
            for position, start, end in walls.segments.tolist():
                if start <= along <= end:
                    assert abs(across - position) >= WALL_MARGIN


def test_a_step_into_a_wall_is_not_taken(scene):
    wide = scene.plan.x_edges[-1]
    pose = Pose(x=wide - 0.35, y=scene.plan.y_edges[1] / 2, heading=0.0)
    assert is_free(scene, *at(pose))
    assert moved(scene, pose, "go forward") == pose
    assert moved(scene, pose, "go back").x == pytest.approx(pose.x - 0.25)


@pytest.mark.parametrize(("x", "y"), [(-1.0, 1.5), (1.5, -1.0), (1000.0, 1.5), (0.1, 1.5)])
def test_nobody_stands_outside_or_in_a_wall(scene, x, y):
    assert not is_free(scene, x, y)


def test_starts_are_free_and_differ(scene):
    starts = [start_pose(scene, seed) for seed in range(20)]
    assert len({at(start) for start in starts}) == 20
    assert all(is_free(scene, *at(start)) for start in starts)
    assert all(start.heading % 22.5 == 0 for start in starts)


def test_a_run_is_what_the_steps_give_bit_for_bit():
    stepped, ran = Rooms(frame_size=33), Rooms(frame_size=33)
    assert isinstance(ran, FastWorld)
    actions = ["turn left", "go forward", "go forward", "step right", "go back"]
    stepped.reset(4)
    ran.reset(4)
    one_by_one = [stepped.step(action) for action in actions for _ in range(4)]
    at_once = ran.run(actions[:2], chunk_frames=4) + ran.run(actions[2:], chunk_frames=4)
    assert [it.pose for it in at_once] == [it.pose for it in one_by_one]
    for one, other in zip(one_by_one, at_once, strict=True):
        assert np.array_equal(one.frame, other.frame)
    assert ran.run([], chunk_frames=4) == []
    assert ran.pose == stepped.pose


def test_a_run_with_an_unknown_action_moves_nothing():
    world = Rooms(frame_size=8)
    before = world.reset(0).pose
    with pytest.raises(UnknownNameError, match="Did you mean 'turn left'"):
        world.run(["go back", "turn leftt"], chunk_frames=4)
    assert world.pose == before


def test_a_camera_can_be_put_anywhere():
    world = Rooms(frame_size=16)
    seen = world.reset(3)
    world.step("turn left")
    placed = world.place(Pose(x=seen.pose.x, y=seen.pose.y, heading=seen.pose.heading + 360))
    assert placed.pose == seen.pose
    assert np.array_equal(placed.frame, seen.frame)


def test_frames_below_eight_pixels_are_refused():
    with pytest.raises(ConfigError, match="at least 8 pixels, got 7"):
        Rooms(frame_size=7)
