"""What the scripts of the worlds really do, seen in the truth that the engines tell."""

import math
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from twospeed.core.errors import ConfigError, DataError, MissingExtraError
from twospeed.worlds.registry import make_world


def opened(name):
    try:
        return make_world(name, frame_size=32)
    except MissingExtraError as error:
        pytest.skip(f"{name}: {error}")


def play(world, seed, chunks):
    """Return what is seen at the end of every chunk, the start first, and the commands."""
    generator = np.random.default_rng(seed)
    seen, commands = [world.reset(seed)], []
    for _ in range(chunks):
        commands.append(world.suggest(generator))
        seen.append([world.step(commands[-1]) for _ in range(4)][-1])
    return seen, commands


@pytest.fixture
def fetch():
    world = opened("fetch")
    yield world
    world.close()


@pytest.mark.parametrize("seed", [0, 3])
def test_the_block_is_carried_away_and_put_back(fetch, seed):
    seen, _ = play(fetch, seed, 22)
    places = np.array([it.objects["block"] for it in seen])
    away = np.linalg.norm(places - places[0], axis=1)
    assert away.max() > 0.1
    assert places[:, 2].max() > places[0, 2] + 0.05, "it is lifted"
    left = int(np.argmax(away > 0.1))
    assert away[left:].min() < 0.02, "and comes back"


def test_a_little_is_a_quarter_and_the_opposite_undoes(fetch):
    start = np.array(fetch.reset(1).objects["gripper"])

    def after(action, steps=4):
        return np.array([fetch.step(action) for _ in range(steps)][-1].objects["gripper"])

    far = after("move the gripper left")
    assert start[1] - far[1] == pytest.approx(0.1, abs=0.015)
    back = after("move the gripper right", 5)
    assert start[1] - back[1] == pytest.approx(-0.025, abs=0.015)
    assert after("move the gripper left a little", 4)[1] == pytest.approx(start[1], abs=0.01)
    assert fetch.step("close the gripper").objects["opening"] < (0.1,)


def test_one_of_two_blocks_is_played_and_each_has_its_colour():
    try:
        world = make_world("fetch", frame_size=64, blocks=2)
    except MissingExtraError as error:
        pytest.skip(str(error))
    seen, _ = play(world, 3, 14)
    names = sorted(name for name in seen[0].objects if name.endswith("block"))
    assert len(names) == 2
    places = {name: np.array([it.objects[name] for it in seen]) for name in names}
    moved = sorted(np.linalg.norm(at - at[0], axis=1).max() for at in places.values())
    assert moved[0] < 0.01 < 0.1 < moved[1]
    apart = np.linalg.norm(places[names[0]][0] - places[names[1]][0])
    assert apart > 0.12
    again = world.reset(3)
    assert again.objects == seen[0].objects
    assert np.array_equal(again.frame, seen[0].frame)
    world.close()


def test_blocks_that_cannot_be_are_refused():
    opened("fetch").close()
    with pytest.raises(ConfigError, match="blocks"):
        make_world("fetch", blocks=3)
    with pytest.raises(ConfigError, match="the world rooms takes no blocks"):
        make_world("rooms", blocks=2)


def test_a_player_of_crafter_gathers_and_makes():
    world = opened("crafter")
    seen, commands = play(world, 0, 30)
    carried = [{k for k in it.objects if k.startswith("carried")} for it in seen]
    assert {"place a table", "make a wood pickaxe"} <= set(commands)
    assert "carried wood_pickaxe" in set().union(*carried)
    world.close()


def test_a_driver_stays_near_the_road_and_turns_corners():
    world = opened("carracing")
    seen, _ = play(world, 1, 40)
    off = [it.objects["off road"][0] for it in seen]
    assert np.median(off) < 7, "half a road is 6.7 metres wide"
    turns = [(b.pose.heading - a.pose.heading + 180) % 360 - 180 for a, b in pairwise(seen)]
    assert np.abs(turns).sum() > 90
    assert sum(math.dist(a.objects["road"], b.objects["road"]) for a, b in pairwise(seen)) > 100
    world.close()


def test_a_driver_of_duckietown_keeps_to_the_lane_and_turns_corners():
    world = opened("duckietown")
    off, turned, driven = [], 0.0, 0.0
    for seed in (3, 5):
        seen, commands = play(world, seed, 40)
        off += [abs(it.objects["lane"][0]) for it in seen if "lane" in it.objects]
        assert len(off) > 30
        assert len(set(commands)) > 5
        turns = [(b.pose.heading - a.pose.heading + 180) % 360 - 180 for a, b in pairwise(seen)]
        turned += np.abs(turns).sum()
        driven += sum(
            math.dist((a.pose.x, a.pose.y), (b.pose.x, b.pose.y)) for a, b in pairwise(seen)
        )
    assert np.median(off) < 0.08, "half a lane is 0.12 metres wide"
    assert turned > 720
    assert driven > 15
    world.close()


def test_commands_of_duckietown_do_what_they_say():
    world = opened("duckietown")

    def done(action):
        before = world.reset(5).pose  # with room all round
        after = [world.step(action) for _ in range(4)][-1].pose
        angle = math.radians(before.heading)
        ahead = (after.x - before.x) * math.cos(angle) + (after.y - before.y) * math.sin(angle)
        return ahead, (after.heading - before.heading + 180) % 360 - 180

    assert done("turn left") == pytest.approx((0, 90), abs=8)
    assert done("turn right a little") == pytest.approx((0, -22.5), abs=4)
    assert done("steer left")[1] > done("steer left a little")[1] > 10
    assert done("speed up")[0] > done("go forward")[0] > 0.2
    assert done("go back")[0] < -0.2
    assert done("brake") == pytest.approx((0, 0), abs=1e-6)
    world.close()


def test_the_death_of_duckietown_is_one_line():
    world = opened("duckietown")
    world.reset(0)
    os.kill(world._child._process.pid, signal.SIGKILL)
    with pytest.raises(DataError, match=r"^Duckietown has ended \(signal 9\)"):
        world.step("go forward")
    world.close()


def test_steering_left_turns_to_the_left():
    world = opened("carracing")

    def turned(action):
        world.reset(2)
        for _ in range(6):
            first = world.step("speed up").pose
        last = [world.step(action) for _ in range(4)][-1].pose
        return (last.heading - first.heading + 180) % 360 - 180

    assert turned("steer left") > turned("steer left a little") > 2
    assert turned("steer right") < turned("steer right a little") < -2
    assert abs(turned("drive straight")) < 2
    world.close()


def test_a_person_walks_ahead_turns_and_lifts_a_foot_to_kick():
    world = opened("humanoid")
    start = world.reset(1).pose
    walked = [world.step("walk") for _ in range(16)][-1].pose
    way = np.array([walked.x - start.x, walked.y - start.y])
    ahead = np.array([math.cos(math.radians(start.heading)), math.sin(math.radians(start.heading))])
    assert way @ ahead > 1.5
    assert way @ ahead > 0.95 * np.linalg.norm(way)
    before = world.step("stand still").pose.heading
    after = [world.step("turn left") for _ in range(4)][-1].pose.heading
    assert (after - before + 180) % 360 - 180 == pytest.approx(90, abs=12)
    kicks = [world.step("kick").objects for _ in range(12)]
    assert max(max(it["right foot"][2], it["left foot"][2]) for it in kicks) > 0.6
    world.close()


@pytest.mark.slow
def test_a_block_is_dug_and_the_land_is_whole_again_after_a_reset():
    world = opened("minetest")
    world.reset(4)
    for _ in range(4):
        before = world.step("tilt the view down")
    dug = world.step("dig the block")
    assert dug.objects["block ahead"] != before.objects["block ahead"]
    world.reset(4)
    again = [world.step("tilt the view down") for _ in range(4)][-1]
    assert again.objects == before.objects
    assert again.pose == before.pose
    world.close()


@pytest.mark.slow
def test_minetest_and_its_screen_end_when_we_are_killed():
    opened("minetest").close()
    code = (
        "import time; from twospeed.worlds.registry import make_world; w = make_world('minetest');"
        "print(*(p.pid for p in w._engine._processes), flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as us:
        pids = [int(pid) for pid in us.stdout.readline().split()]
        us.kill()
    assert len(pids) == 2
    end = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < end:
        time.sleep(0.1)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 2])
def test_minetest_shows_land_and_what_was_walked_can_be_walked_back(seed):
    with closing(opened("minetest")) as world:
        world.reset(seed)
        up = [world.step("tilt the view up").objects["pitch"][0] for _ in range(8)][-1]
        assert up == pytest.approx(17.19, abs=0.01)
        places = [place_of(world.step("go forward")) for _ in range(12)]
        steps = [math.dist(one, other) for one, other in pairwise(places)]
        assert all(step < 0.01 or step == pytest.approx(0.5, abs=0.01) for step in steps)
        assert max(steps) > 0.4
        back = [place_of(world.step("go back")) for _ in range(sum(step > 0.4 for step in steps))]
        assert math.dist(back[-1], places[0]) < 0.02


def place_of(seen):
    return seen.pose.x, seen.pose.y


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("crafter", 8),
        ("fetch", 8),
        ("carracing", 8),
        ("humanoid", 8),
        ("minetest", 300),
        ("duckietown", 600),
    ],
)
def test_a_frame_size_that_cannot_be_is_refused(name, size):
    opened(name).close() if name not in ("minetest", "duckietown") else None
    with pytest.raises(ConfigError, match=f"pixels, got {size}"):
        make_world(name, frame_size=size)


@pytest.mark.parametrize("name", ["crafter", "fetch", "carracing", "humanoid", "duckietown"])
def test_a_step_before_the_first_reset_is_refused(name):
    world = opened(name)
    with pytest.raises(ConfigError, match="reset the world before the first step"):
        world.step(next(iter(world.actions)))
    world.close()
