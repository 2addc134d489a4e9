"""What first-person worlds that move in lock-step keep beyond the contract of all worlds."""

import math

import numpy as np
import pytest

TURN_DEGREES = 22.5
STEP_METRES = 0.25


def turned(before, after):
    """Degrees to the left from one pose to the other, in -180 to 180."""
    return (after.heading - before.heading + 180) % 360 - 180


def moved(before, after):
    """Metres ahead and to the left, seen from the first pose."""
    angle = math.radians(before.heading)
    dx, dy = after.x - before.x, after.y - before.y
    return dx * math.cos(angle) + dy * math.sin(angle), dy * math.cos(angle) - dx * math.sin(angle)


def test_frames_show_something_and_change_with_the_view(make_first_person):
    world = make_first_person()
    frames = [world.reset(2).frame, *(world.step("turn left").frame for _ in range(8))]
    assert all(frame.std() > 2 for frame in frames)
    assert len({frame.tobytes() for frame in frames}) == 9


def test_turns_follow_the_command_and_stay_in_place(make_first_person):
    world = make_first_person()
    for action, degrees in (("turn left", TURN_DEGREES), ("turn right", -TURN_DEGREES)):
        before = world.reset(3).pose
        after = world.step(action).pose
        assert turned(before, after) == pytest.approx(degrees, abs=1e-6)
        assert math.dist((before.x, before.y), (after.x, after.y)) < 1e-6


def test_four_steps_turn_a_quarter_and_sixteen_come_back(make_first_person):
    world = make_first_person()
    first = world.reset(3)
    poses = [world.step("turn left") for _ in range(16)]
    assert turned(first.pose, poses[3].pose) == pytest.approx(90, abs=1e-5)
    assert turned(first.pose, poses[15].pose) == pytest.approx(0, abs=1e-5)
    difference = np.abs(first.frame.astype(int) - poses[15].frame).mean()
    assert difference < 4  # a simulator may animate a lamp; 22 degrees off give 20 and more


def test_headings_stay_below_a_full_turn(make_first_person, wander):
    assert all(
        0 <= observation.pose.heading < 360 for observation in wander(make_first_person(), 4)
    )


@pytest.mark.parametrize(
    ("action", "ahead", "left"),
    [("go forward", 1, 0), ("go back", -1, 0), ("step left", 0, 1), ("step right", 0, -1)],
)
def test_moves_follow_the_command_unless_a_wall_is_there(make_first_person, action, ahead, left):
    world, free = make_first_person(), 0
    for seed in range(12):
        before = world.reset(seed).pose
        after = world.step(action).pose
        assert after.heading == pytest.approx(before.heading, abs=1e-6)
        went = np.array(moved(before, after))
        along = float(went @ (ahead, left))
        assert np.linalg.norm(went) < STEP_METRES * 1.03
        assert along > -1e-6
        free += along == pytest.approx(STEP_METRES, rel=0.03)
    assert free >= 4


def test_there_and_back_is_the_same_place(make_first_person):
    world, returned = make_first_person(), 0
    for seed in range(6):
        before = world.reset(seed).pose
        there = [world.step("go forward").pose for _ in range(2)][-1]
        after = [world.step("go back").pose for _ in range(2)][-1]
        if math.dist((before.x, before.y), (there.x, there.y)) > 1.95 * STEP_METRES:
            returned += 1
            assert math.dist((before.x, before.y), (after.x, after.y)) < 0.01
    assert returned


@pytest.mark.parametrize("size", [48, 65, 128])
def test_the_frame_size_is_the_one_that_was_asked_for(make_first_person, size):
    assert make_first_person(frame_size=size).reset(0).frame.shape == (size, size, 3)


def test_eight_seeds_give_eight_frames(make_first_person):
    world = make_first_person()
    assert len({world.reset(seed).frame.tobytes() for seed in range(8)}) == 8
