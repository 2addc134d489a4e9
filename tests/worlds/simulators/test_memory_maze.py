"""Memory Maze: who walks it, what its commands do, and that its end leaves nothing behind."""

import math
import os
import signal
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from twospeed.core.errors import ConfigError, DataError, MissingExtraError
from twospeed.worlds.base import Pose
from twospeed.worlds.registry import make_world
from twospeed.worlds.simulators.maze_walker import Ball, MazeWalker

COMMANDS = {
    "go forward": Ball(ahead=1.0, left=0.0),
    "turn left": Ball(ahead=0.0, left=1.0),
    "turn right": Ball(ahead=0.0, left=-1.0),
}
MAP = [
    "#######",
    "#     #",
    "# ### #",
    "#   # #",
    "#######",
]
WALLS = np.array([[it == "#" for it in row] for row in MAP])
TURN = 73.6


def opened():
    try:
        return make_world("memory_maze", frame_size=32)
    except MissingExtraError as error:
        pytest.skip(f"memory_maze: {error}")


def test_a_walker_goes_round_a_corner_to_where_it_wants_and_through_no_wall():
    walker = MazeWalker(WALLS, 2.0, COMMANDS)
    generator = np.random.default_rng(0)
    x, y, heading, cells = 11.0, 3.0, 90.0, set()
    for _ in range(60):
        command = walker.choose(Pose(x=x, y=y, heading=heading % 360), generator)
        heading += TURN * COMMANDS[command].left
        for _ in range(8):
            ahead = COMMANDS[command].ahead / 4
            to = (
                x + ahead * math.cos(math.radians(heading)),
                y + ahead * math.sin(math.radians(heading)),
            )
            x, y = (x, y) if WALLS[::-1][int(to[1] // 2), int(to[0] // 2)] else to
        cells.add((int(x // 2), int(y // 2)))
    assert (5, 1) in cells, "where it began"
    assert (1, 2) in cells, "round two corners"


def test_the_same_draws_give_the_same_commands():
    def walked():
        walker, generator = MazeWalker(WALLS, 2.0, COMMANDS), np.random.default_rng(5)
        return [walker.choose(Pose(x=3.0, y=3.0, heading=0.0), generator) for _ in range(12)]

    assert walked() == walked()
    assert set(walked()) <= set(COMMANDS)


def test_somebody_walks_far_and_comes_back():
    with closing(opened()) as world:
        generator = np.random.default_rng(2)
        seen, places = [world.reset(2)], []
        for _ in range(40):
            command = world.suggest(generator)
            seen += [world.step(command) for _ in range(4)]
            places.append((seen[-1].pose.x // 2, seen[-1].pose.y // 2))
    steps = [math.dist((a.pose.x, a.pose.y), (b.pose.x, b.pose.y)) for a, b in pairwise(seen)]
    assert sum(steps) > 25
    assert max(steps) < 0.6
    assert len(set(places)) > 8
    assert any(places.index(place) < at - 4 for at, place in enumerate(places))
    assert all(0 < it.pose.x < 22 and 0 < it.pose.y < 22 for it in seen)


def test_commands_do_what_they_say_and_the_picture_goes_with_the_pose():
    with closing(opened()) as world:

        def done(action):
            before = world.reset(3)
            after = [world.step(action) for _ in range(4)][-1]
            turned = (after.pose.heading - before.pose.heading + 180) % 360 - 180
            moved = math.dist((before.pose.x, before.pose.y), (after.pose.x, after.pose.y))
            return moved, turned, np.abs(before.frame - 1.0 * after.frame).mean()

        assert done("turn left")[1] == pytest.approx(70, abs=3)
        assert done("turn right")[1] == pytest.approx(-70, abs=3)
        assert done("turn left a little")[1] == pytest.approx(17, abs=2)
        assert done("go forward turning right")[1] < -20
        assert done("go forward")[0] > 0.5
        assert done("turn left")[2] > 5 > 1 > done("wait")[2]
        assert done("wait")[:2] == pytest.approx((0, 0), abs=1e-3)
        world.step("go forward")
        first, second = world.step("wait"), [world.step("wait") for _ in range(12)][-1]
        assert second.pose == world.step("wait").pose != first.pose


def test_the_targets_are_told():
    with closing(opened()) as world:
        targets = world.reset(4).objects
    assert set(targets) == {"red target", "green target", "blue target"}
    assert all(0 < x < 22 and 0 < y < 22 for x, y in targets.values())


def test_its_death_is_one_line_and_closing_leaves_nothing():
    with closing(opened()) as world:
        world.reset(0)
        pid = world._engine._child._process.pid
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(DataError, match=r"^Memory Maze has ended \(signal 9\)"):
            world.step("go forward")
    assert not Path(f"/proc/{pid}").exists()


def test_a_size_that_cannot_be_and_a_step_before_the_first_reset_are_refused():
    with pytest.raises(ConfigError, match="pixels, got 600"):
        make_world("memory_maze", frame_size=600)
    with (
        closing(opened()) as world,
        pytest.raises(ConfigError, match="reset the world before the first step"),
    ):
        world.step("go forward")
