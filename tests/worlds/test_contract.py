"""What every world has to keep, whatever is behind it: one suite over the whole table."""

import math

import numpy as np
import pytest

from twospeed.core.errors import MissingExtraError, UnknownNameError
from twospeed.worlds.registry import WORLDS, make_world

SIZE = 32
TURN_DEGREES = 22.5
STEP_METRES = 0.25


@pytest.fixture(params=WORLDS)
def make(request):
    """A function that makes one more world of the kind under test; all are closed at the end."""
    made = []

    def make_one(frame_size=SIZE):
        made.append(make_world(request.param, frame_size=frame_size))
        return made[-1]

    try:
        make_one()
    except MissingExtraError as error:
        pytest.skip(f"{request.param}: {error}")
    yield make_one
    for world in made:
        world.close()


def wander(world, seed, steps=40):
    actions = np.random.default_rng(0).choice(sorted(world.actions), steps)
    return [world.reset(seed), *(world.step(str(action)) for action in actions)]


def same(one, other):
    return one.pose == other.pose and np.array_equal(one.frame, other.frame)


def turned(before, after):
    """Degrees to the left from one pose to the other, in -180 to 180."""
    return (after.heading - before.heading + 180) % 360 - 180


def moved(before, after):
    """Metres ahead and to the left, seen from the first pose."""
    angle = math.radians(before.heading)
    dx, dy = after.x - before.x, after.y - before.y
    return dx * math.cos(angle) + dy * math.sin(angle), dy * math.cos(angle) - dx * math.sin(angle)


def test_two_worlds_with_one_seed_are_the_same_bit_for_bit(make):
    assert all(map(same, wander(make(), 5), wander(make(), 5)))


def test_an_episode_does_not_depend_on_the_one_before(make):
    world = make()
    first = wander(world, 5)
    wander(world, 6)
    assert all(map(same, wander(world, 5), first))


def test_another_seed_gives_other_frames(make):
    world = make()
    firsts = {world.reset(seed).frame.tobytes() for seed in range(8)}
    assert len(firsts) == 8


def test_a_frame_is_a_square_of_bytes(make):
    for observation in wander(make(), 1, steps=3):
        assert observation.frame.shape == (SIZE, SIZE, 3)
        assert observation.frame.dtype == np.uint8


@pytest.mark.parametrize("size", [48, 65, 128])
def test_the_frame_size_is_the_one_that_was_asked_for(make, size):
    assert make(frame_size=size).reset(0).frame.shape == (size, size, 3)


def test_frames_show_something_and_change_with_the_view(make):
    world = make()
    frames = [world.reset(2).frame, *(world.step("turn left").frame for _ in range(8))]
    assert all(frame.std() > 2 for frame in frames)
    assert len({frame.tobytes() for frame in frames}) == 9


def test_an_unknown_action_names_the_nearest(make):
    world = make()
    before = world.reset(0)
    with pytest.raises(UnknownNameError, match="Did you mean 'turn left'"):
        world.step("turn lefft")
    assert same(world.reset(0), before)


def test_turns_follow_the_command_and_stay_in_place(make):
    world = make()
    for action, degrees in (("turn left", TURN_DEGREES), ("turn right", -TURN_DEGREES)):
        before = world.reset(3).pose
        after = world.step(action).pose
        assert turned(before, after) == pytest.approx(degrees, abs=1e-6)
        assert math.dist((before.x, before.y), (after.x, after.y)) < 1e-6


def test_four_steps_turn_a_quarter_and_sixteen_come_back(make):
    world = make()
    first = world.reset(3)
    poses = [world.step("turn left") for _ in range(16)]
    assert turned(first.pose, poses[3].pose) == pytest.approx(90, abs=1e-5)
    assert turned(first.pose, poses[15].pose) == pytest.approx(0, abs=1e-5)
    difference = np.abs(first.frame.astype(int) - poses[15].frame).mean()
    assert difference < 4  # a simulator may animate a lamp; 22 degrees off give 20 and more


def test_headings_stay_below_a_full_turn(make):
    assert all(0 <= observation.pose.heading < 360 for observation in wander(make(), 4))


@pytest.mark.parametrize(
    ("action", "ahead", "left"),
    [("go forward", 1, 0), ("go back", -1, 0), ("step left", 0, 1), ("step right", 0, -1)],
)
def test_moves_follow_the_command_unless_a_wall_is_there(make, action, ahead, left):
    world, free = make(), 0
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


def test_there_and_back_is_the_same_place(make):
    world, returned = make(), 0
    for seed in range(6):
        before = world.reset(seed).pose
        there = [world.step("go forward").pose for _ in range(2)][-1]
        after = [world.step("go back").pose for _ in range(2)][-1]
        if math.dist((before.x, before.y), (there.x, there.y)) > 1.95 * STEP_METRES:
            returned += 1
            assert math.dist((before.x, before.y), (after.x, after.y)) < 0.01
    assert returned


def test_nothing_is_shared_between_observations(make):
    world = make()
    first = world.reset(0)
    kept = first.frame.copy()
    second = world.step("go back")
    second.frame[:] = 0
    third = world.step("go back")
    assert third.frame.any()
    world.step("turn left")
    assert np.array_equal(first.frame, kept)
    first.frame[:] = 0
    assert world.reset(0).frame.any()


def test_every_action_has_paraphrases_and_held_out_ones(make):
    world = make()
    sayings = []
    for text, action in world.actions.items():
        assert action.text == text
        assert len(action.paraphrases) >= 8
        assert len(action.held_out) >= 2
        sayings += [action.text, *action.paraphrases, *action.held_out]
    assert len(sayings) == len(set(sayings)), "one saying may mean one thing, once"


def test_frames_per_second_is_a_speed(make):
    assert make().frames_per_second > 0
