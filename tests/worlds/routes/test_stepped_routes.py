"""Routes by trial, in the built-in world (which needs no engine) and in Doom."""

import numpy as np
import pytest

from twospeed.core.errors import DataError, UnknownNameError
from twospeed.worlds.language import OPPOSITE
from twospeed.worlds.registry import WORLDS, is_installed, make_world
from twospeed.worlds.routes.base import EXACT, HALF_TURN, KINDS, PERTURBED
from twospeed.worlds.routes.perturbed import HALF_TURNED
from twospeed.worlds.routes.stepped import ROUTES, can_be_walked, walk_route
from twospeed.worlds.routes.trial import Walker


@pytest.fixture(scope="module", params=["rooms", "doom"])
def world(request):
    if not is_installed(WORLDS[request.param].about):
        pytest.skip(f"{request.param} is not installed")
    made = make_world(request.param, frame_size=16)
    yield made
    made.close()


def test_there_are_all_kinds():
    assert tuple(ROUTES) == KINDS


@pytest.mark.parametrize("kind", EXACT)
def test_every_command_moves_and_the_way_back_sees_places_again(world, kind):
    for seed in (1, 2, 3):
        route, frames = walk_route(Walker(world), seed, kind)
        assert frames.shape[0] == len(route.poses) == 1 + 4 * len(route.actions)
        steps = np.diff(route.poses.astype(np.float64), axis=0)
        lengths = np.hypot(steps[:, 0], steps[:, 1]).reshape(-1, 4)
        turns = abs((steps[:, 2] + 180) % 360 - 180).reshape(-1, 4)
        for chunk, action in enumerate(route.actions):
            if kind == "replay" and chunk == route.restart_at:
                continue  # here it is put back to its start
            if action.startswith("turn"):
                assert turns[chunk] == pytest.approx(22.5, abs=0.01)
            else:
                assert lengths[chunk] == pytest.approx(0.25, rel=0.1)
        again = route.first_visit
        assert (again >= 0).mean() > 0.9
        shown = frames[route.first_generated :][again >= 0].astype(float)
        assert abs(shown - frames[again[again >= 0]]).mean() < 2  # of 255: poses differ by 1 mm


def test_a_way_back_undoes_the_way_out(world):
    route, _ = walk_route(Walker(world), 5, "out_and_back")
    out, back = route.actions[: route.seen], route.actions[route.seen :]
    assert back == tuple(OPPOSITE[action] for action in reversed(out))


def test_the_same_seed_walks_the_same_route(world):
    one, frames = walk_route(Walker(world), 7, "after_novelty")
    other, same = walk_route(Walker(world), 7, "after_novelty")
    assert one.actions == other.actions
    assert np.array_equal(frames, same)


def test_an_episode_can_be_filmed_from_any_chunk_on(world):
    route, frames = walk_route(Walker(world), 8, "loop_return")
    after = Walker(world).film(8, route.actions[:2], route.actions[2:4])
    assert np.array_equal(after, frames[9:17])


@pytest.mark.parametrize("kind", PERTURBED)
def test_what_else_is_asked_for_lies_near_what_was_seen(world, kind):
    if kind in HALF_TURNED and HALF_TURN not in world.actions:
        with pytest.raises(DataError, match=f"{kind} need a world that knows 'turn left a little'"):
            walk_route(Walker(world), 1, kind)
        return
    for seed in (3, 4, 5):
        route, frames = walk_route(Walker(world), seed, kind)
        assert len(frames) == len(route.poses) == 1 + 4 * len(route.actions) + len(route.lead)
        metres, degrees = route.away.T
        assert metres.max() <= 1.03
        assert degrees.max() < 22.6
        if kind in ("shifted", "other_way"):
            assert metres.max() < 0.03  # pushes add up to a little more or less
            assert degrees.max() < 0.1
        first = route.first_generated
        then = Walker(world).film(
            seed, route.actions[: route.seen], route.actions[route.seen :], lead=route.lead
        )
        assert np.array_equal(frames[first:], then)


def test_an_episode_without_room_to_move_is_named(world, monkeypatch):
    monkeypatch.setattr("twospeed.worlds.routes.stepped._TRIES", 20)  # in place of 200

    class Walled:
        """The world, but walls stop every move."""

        def reset(self, seed):
            self.first = world.reset(seed)
            return self.first

        def step(self, action):
            return world.step(action) if action.startswith("turn") else self.first

    with pytest.raises(DataError, match="episode 3 has no walk of kind replay"):
        walk_route(Walker(Walled()), 3, "replay")


def test_a_narrow_passage_is_looked_along():
    if not is_installed(WORLDS["doom"].about):
        pytest.skip("doom is not installed")
    doom = make_world("doom", frame_size=16)
    assert doom.reset(810_003).pose.heading == pytest.approx(130.5, abs=0.1)  # aslant
    route, _ = walk_route(Walker(doom), 810_003, "after_novelty")
    doom.close()
    assert route.poses[0, 2] == pytest.approx(130.5 + 2 * 22.5, abs=0.1)


def test_an_unknown_kind_is_named(world):
    with pytest.raises(UnknownNameError, match="no route is called 'loop'"):
        walk_route(Walker(world), 1, "loop")


def test_only_worlds_with_moves_poses_and_repeats_can_be_walked():
    able = {name for name, kind in WORLDS.items() if can_be_walked(kind)}
    assert {"rooms", "doom"} <= able
    assert not able & {"crafter", "humanoid", "minetest"}
