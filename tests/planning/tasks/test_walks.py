from contextlib import closing

import numpy as np
import pytest

from twospeed.core.errors import ConfigError, DataError, UnknownNameError
from twospeed.planning.tasks.table import task_for
from twospeed.planning.tasks.walks import MOST_CHUNKS, Retrace, ReturnHome, places_of
from twospeed.worlds.base import Observation
from twospeed.worlds.language import OPPOSITE
from twospeed.worlds.registry import WORLDS, is_installed, make_world
from twospeed.worlds.rooms.world import Rooms

SEED = 700_001


@pytest.fixture
def world():
    return Rooms(frame_size=16)


def act(world, commands):
    return [world.step(command) for command in commands for _ in range(4)]


@pytest.mark.parametrize("off_path", [False, True])
def test_an_episode_is_the_same_every_time_and_can_be_restored(world, off_path):
    task = Retrace()
    begun = task.begin(world, SEED, off_path=off_path)
    end = world.pose
    assert 8 <= len(begun.actions) <= MOST_CHUNKS
    assert bool(begun.aside) == off_path
    assert len(begun.shots) == 1 + 4 * len(begun.actions) + len(begun.aside)
    world.reset(3)
    task.restore(world, begun)
    assert world.pose == end
    again = task.begin(world, SEED, off_path=off_path)
    assert again.actions == begun.actions
    assert np.array_equal(again.frames, begun.frames)


def test_undoing_all_commands_is_a_perfect_way_back(world):
    task, home = Retrace(), ReturnHome()
    begun = task.begin(world, SEED, off_path=False)
    acted = [begun.shots[-1], *act(world, [OPPOSITE[it] for it in reversed(begun.actions)])]
    assert task.distance(begun, acted) == pytest.approx(0, abs=1e-6)
    assert home.distance(begun, acted) == pytest.approx(0, abs=1e-6)


def test_distance_is_the_mean_over_way_points_of_the_closest_one(world):
    task = Retrace()
    begun = task.begin(world, SEED, off_path=False)
    points, end = places_of(begun.path), places_of(begun.shots[-1:])[0]
    wanted = np.mean([np.hypot(*(point - end)) for point in points])
    assert task.distance(begun, begun.shots[-1:]) == pytest.approx(wanted)


def test_off_the_path_undoing_ends_elsewhere(world):
    task = Retrace()
    begun = task.begin(world, SEED, off_path=True)
    acted = [begun.shots[-1], *act(world, [OPPOSITE[it] for it in reversed(begun.actions)])]
    assert ReturnHome().distance(begun, acted) > 0.3


@pytest.mark.slow
@pytest.mark.skipif(not is_installed(WORLDS["minetest"].about), reason="needs minetest and Xvfb")
def test_where_pictures_hardly_repeat_the_place_is_restored_and_the_way_can_be_undone():
    task = task_for("retrace", "minetest")
    with closing(make_world("minetest", frame_size=16)) as world:
        begun = task.begin(world, SEED, off_path=False)
        task.restore(world, begun)
        acted = [begun.shots[-1], *act(world, [OPPOSITE[it] for it in reversed(begun.actions)])]
    assert task.distance(begun, acted) < 0.1 < task.distance(begun, begun.shots[-1:])


def test_a_world_without_truth_is_refused():
    with pytest.raises(ConfigError, match="crafter has no truth for retrace: try one of"):
        task_for("retrace", "crafter")
    with pytest.raises(UnknownNameError, match="retrace"):
        task_for("retrce", "rooms")
    with pytest.raises(DataError, match="poses"):
        places_of([Observation(frame=np.zeros((8, 8, 3), np.uint8))])
