import math
from pathlib import Path

import numpy as np
import pytest

from twospeed.core.errors import ConfigError
from twospeed.worlds.simulators.doom import Doom

pytest.importorskip("vizdoom")


@pytest.fixture
def world():
    world = Doom()
    yield world
    world.close()


def test_nothing_is_left_where_it_was_started(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world = Doom()
    world.reset(0)
    world.close()
    assert list(tmp_path.iterdir()) == []
    assert Path.cwd() == tmp_path


def test_four_steps_ahead_are_a_metre_where_there_is_room(world):
    lengths = []
    for seed in range(10):
        before = world.reset(seed).pose
        after = [world.step("go forward").pose for _ in range(4)][-1]
        lengths.append(math.dist((before.x, before.y), (after.x, after.y)))
    assert max(lengths) == pytest.approx(1, abs=0.03)  # the glide differs with the heading
    assert sum(length > 0.97 for length in lengths) >= 3


def test_a_long_episode_has_no_end(world):
    world.reset(0)
    seen = [world.step("go forward" if step % 50 else "turn left") for step in range(1000)]
    turned = world.step("turn right")
    assert not np.array_equal(seen[-1].frame, turned.frame)


@pytest.mark.parametrize("level", ["map01", "map07"])
def test_a_real_level_starts_somewhere_else_with_every_seed(level):
    world = Doom(level=level, frame_size=32)
    poses = {world.reset(seed).pose for seed in range(4)}
    assert len(poses) == 4
    assert world.reset(2).pose in poses
    world.close()


def test_wrong_settings_are_refused(world):
    with pytest.raises(ConfigError, match="16 to 768 pixels, got 4000"):
        Doom(frame_size=4000)
    with pytest.raises(ConfigError, match="map01 to map32, got 'map99'"):
        Doom(level="map99")
    with pytest.raises(ConfigError, match="seeds from 0 to 4294967295, got -1"):
        world.reset(-1)
    with pytest.raises(ConfigError, match="reset the world before the first step"):
        world.step("go back")
