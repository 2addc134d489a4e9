import functools
import itertools
import math

import numpy as np
import pytest

from twospeed.core.errors import UnknownNameError
from twospeed.worlds.base import Pose
from twospeed.worlds.language import OPPOSITE
from twospeed.worlds.rooms.raycast import Scene
from twospeed.worlds.rooms.world import Rooms, frames_at, walk
from twospeed.worlds.routes.base import EXACT
from twospeed.worlds.routes.rooms import make_route

SEEDS = range(40)


@functools.cache
def scene_of(seed):
    return Scene.of_seed(seed)


@functools.cache
def routes(kind):
    return [make_route(scene_of(seed), seed, kind) for seed in SEEDS]


@pytest.fixture(params=EXACT)
def kind(request):
    return request.param


def pose_of(row):
    return Pose(x=float(row[0]), y=float(row[1]), heading=float(row[2]))


def same_pose(one, other):
    turned = (one[2] - other[2] + 180) % 360 - 180
    return math.dist(one[:2], other[:2]) < 1e-3 and abs(turned) < 1e-3


def parts_of(route):
    """The walks without a jump: start pose and actions, with the frames that they make."""
    cut = len(route.actions) if route.restart_at is None else route.restart_at
    head, tail = route.actions[:cut], route.actions[cut:]
    yield route.start, head, route.poses[1 : 1 + 4 * cut]
    yield route.start, tail, route.poses[1 + 4 * cut :]


def test_the_same_seed_and_kind_give_the_same_route(kind):
    for seed in SEEDS[:8]:
        one, other = (make_route(Scene.of_seed(seed), seed, kind) for _ in range(2))
        assert (one.actions, one.seen, one.restart_at) == (
            other.actions,
            other.seen,
            other.restart_at,
        )
        assert np.array_equal(one.poses, other.poses)
        assert np.array_equal(one.first_visit, other.first_visit)


def test_other_seeds_give_other_routes(kind):
    assert len({(route.actions, route.poses.tobytes()) for route in routes(kind)}) == len(SEEDS)


def test_every_route_says_what_it_is(kind):
    for seed, route in zip(SEEDS, routes(kind), strict=True):
        assert (route.kind, route.seed) == (kind, seed)
        assert route.poses.dtype == np.float32
        assert route.poses.shape == (1 + 4 * len(route.actions), 3)
        assert 0 < route.seen < len(route.actions)
        assert len(route.first_visit) == 4 * (len(route.actions) - route.seen)


def test_the_poses_are_those_of_the_actions_and_every_step_moves(kind):
    for seed, route in zip(SEEDS, routes(kind), strict=True):
        for start, actions, poses in parts_of(route):
            walked = walk(scene_of(seed), start, actions)
            for pose, stored in zip(walked[1:], poses, strict=True):
                assert same_pose((pose.x, pose.y, pose.heading), stored.tolist())
            for step, (before, after) in enumerate(itertools.pairwise(walked)):
                length = math.dist((before.x, before.y), (after.x, after.y))
                wanted = 0 if actions[step // 4].startswith("turn") else 0.25
                assert length == pytest.approx(wanted, abs=1e-6)


def test_every_generated_frame_is_a_revisit_and_names_the_latest_visit(kind):
    for route in routes(kind):
        first = route.first_generated
        for index, visit in enumerate(route.first_visit):
            here = route.poses[first + index].tolist()
            same = [t for t in range(first) if same_pose(here, route.poses[t].tolist())]
            assert visit == same[-1]
            assert route.age[index] == first + index - visit > 0


def test_a_revisit_shows_the_same_frame_bit_for_bit(kind):
    for seed, route in zip(SEEDS[:4], routes(kind)[:4], strict=True):
        frames = frames_at(scene_of(seed), [pose_of(row) for row in route.poses], size=16)
        assert np.array_equal(frames[route.first_generated :], frames[route.first_visit])


def test_a_route_can_be_walked_in_the_world(kind):
    route = routes(kind)[3]
    world = Rooms(frame_size=8)
    world.reset(3)
    world.place(route.start)
    for index, action in enumerate(route.actions):
        if index == route.restart_at:
            world.place(route.start)
        for frame in range(4 * index + 1, 4 * index + 5):
            pose = world.step(action).pose
            assert same_pose((pose.x, pose.y, pose.heading), route.poses[frame].tolist())


def test_replay_puts_the_episode_back_and_repeats_the_walk():
    for route in routes("replay"):
        assert 5 <= route.restart_at <= 8
        assert route.seen == route.restart_at + 1
        assert route.actions[: route.restart_at] == route.actions[route.restart_at :]
        assert np.array_equal(
            route.poses[1 : 1 + 4 * route.restart_at], route.poses[-4 * route.restart_at :]
        )


def test_out_and_back_undoes_the_way_out():
    for route in routes("out_and_back"):
        out, back = route.actions[: route.seen], route.actions[route.seen :]
        assert 3 <= len(out) <= 6
        assert back == tuple(OPPOSITE[action] for action in reversed(out))
        assert {action.startswith("turn") for action in out} == {True, False}
        assert np.array_equal(route.poses[-1], route.poses[0])
        assert (route.age <= np.arange(2, 8 * len(out) + 2, 2)).all()


def test_loop_return_repeats_a_full_turn_or_every_fourth_time_a_lap():
    for route in routes("loop_return"):
        if route.seed % 4 == 3:
            assert route.variant == "loop through rooms"
            half = len(route.actions) // 2
            assert route.actions[:half] == route.actions[half:]
            assert route.seen == half >= 16
            assert route.start.heading % 90 == 0
        else:
            assert route.variant == "full turn"
            turns = route.actions[-8:]
            assert len(set(turns)) == 1
            assert turns[0] in ("turn left", "turn right")
            assert route.seen == len(route.actions) - 4
            assert set(route.age.tolist()) == {16}


def test_a_lap_goes_through_four_rooms():
    for route in routes("loop_return")[3::4]:
        plan = scene_of(route.seed).plan
        assert len({plan.room_at(x, y) for x, y, _ in route.poses.tolist()}) == 4


def test_after_novelty_sees_new_places_between_two_full_turns():
    for route in routes("after_novelty"):
        turn = route.actions[-4:]
        before = [k for k in range(route.seen - 3) if route.actions[k : k + 4] == turn]
        home = route.poses[-1, :2]
        assert before
        assert np.array_equal(route.poses[4 * route.seen], route.poses[-1])
        tour = int(route.age[0]) // 4 - 4
        assert tour in (4, 6)
        away = np.hypot(*(route.poses[4 * (route.seen - tour) : 4 * route.seen, :2] - home).T)
        assert away.max() > 0.9
        assert set(route.age[:-1].tolist()) == {16 + 4 * tour}


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'loop_return'"):
        make_route(scene_of(0), 0, "loop_retrun")
