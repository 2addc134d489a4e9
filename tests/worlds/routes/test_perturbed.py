"""Questions beside what was seen, in the built-in rooms."""

import itertools
import math

import numpy as np
import pytest

from twospeed.worlds.language import OPPOSITE
from twospeed.worlds.rooms.raycast import Scene
from twospeed.worlds.routes.base import PERTURBED, STEPS
from twospeed.worlds.routes.revisits import same_poses
from twospeed.worlds.routes.rooms import make_route

SEEDS = range(12)
METRES = (0.25, 0.5, 1.0)


@pytest.fixture(scope="module")
def routes():
    scenes = {seed: Scene.of_seed(seed) for seed in SEEDS}
    return {kind: [make_route(scenes[seed], seed, kind) for seed in SEEDS] for kind in PERTURBED}


def steps_of(route):
    """Every single step that leads from one pose to the next."""
    chunks = [[action] * 4 for action in route.actions]
    seen = itertools.chain(*chunks[: route.seen])
    return [*seen, *route.lead, *itertools.chain(*chunks[route.seen :])]


@pytest.mark.parametrize("kind", PERTURBED)
def test_the_poses_are_those_of_the_single_steps(routes, kind):
    for route in routes[kind]:
        steps = steps_of(route)
        assert len(steps) == len(route.poses) - 1
        for step, (before, after) in zip(steps, itertools.pairwise(route.poses), strict=True):
            ahead, left, turn = STEPS[step]
            angle = math.radians(before[2])
            x = before[0] + ahead * math.cos(angle) - left * math.sin(angle)
            y = before[1] + ahead * math.sin(angle) + left * math.cos(angle)
            wanted = np.array([[x, y, before[2] + turn]])
            assert same_poses(after[None].astype(float), wanted).all()


@pytest.mark.parametrize("kind", PERTURBED)
def test_every_generated_frame_has_a_nearest_seen_one(routes, kind):
    for route in routes[kind]:
        seen = route.poses[: 1 + 4 * route.seen]
        assert route.first_generated == len(seen) + len(route.lead)
        assert len(route.first_visit) == len(route.poses) - route.first_generated == 16
        for pose, visit, away in zip(
            route.poses[route.first_generated :], route.first_visit, route.away, strict=True
        ):
            turned = np.abs((pose[2] - seen[:, 2] + 180) % 360 - 180)
            far = np.hypot(*(pose[:2] - seen[:, :2]).T) + turned / 22.5
            assert far[visit] == pytest.approx(far.min(), abs=3e-3)
            assert away.sum() == pytest.approx(away[0] + turned[visit], abs=1e-3)


def test_shifted_asks_for_seen_views_from_between_the_chunks(routes):
    for route in routes["shifted"]:
        assert route.away == pytest.approx(np.zeros((16, 2)), abs=1e-3)
        assert route.lead == route.actions[-1:] * (1 + route.seed % 3)
        begins = route.poses[::4][: 1 + route.seen]
        here = route.poses[route.first_generated - 1][None]
        assert not same_poses(here.astype(float), begins.astype(float)).any()


def test_turned_asks_half_way_between_seen_headings(routes):
    for route in routes["turned"]:
        assert route.away == pytest.approx(np.tile([0, 11.25], (16, 1)), abs=1e-3)


@pytest.mark.parametrize("kind", ["aside", "ahead"])
def test_moved_views_keep_their_distance(routes, kind):
    for route in routes[kind]:
        metres = METRES[route.seed % 3]
        assert route.variant == f"{metres:g} m"
        home = route.poses[4 * route.seen, :2]
        off = np.hypot(*(route.poses[route.first_generated :, :2] - home).T)
        assert off == pytest.approx(np.full(16, metres), abs=1e-3)
        assert (route.away[:, 0] <= metres + 1e-3).all()
        names = {"aside": ("step left", "step right"), "ahead": ("go forward", "go back")}[kind]
        assert set(route.lead) <= set(names)


def test_other_way_looks_at_seen_views_in_the_other_direction(routes):
    for route in routes["other_way"]:
        assert route.away == pytest.approx(np.zeros((16, 2)), abs=1e-3)
        assert not route.lead
        turned = [k for k in range(route.seen - 3) if len(set(route.actions[k : k + 4])) == 1]
        asked = route.actions[-4:]
        assert any(route.actions[k : k + 4] == (OPPOSITE[asked[0]],) * 4 for k in turned)


def test_random_stays_near_and_varies(routes):
    for route in routes["random"]:
        assert (route.away[:, 0] <= 1 + 1e-3).all()
        assert (route.away[:, 1] <= 11.25 + 1e-3).all()
    assert len({len(route.lead) for route in routes["random"]}) > 3
