import logging

import pytest

from twospeed.core.errors import ConfigError, DataError
from twospeed.planning.lasting import LastingWorld, reason_of
from twospeed.worlds.rooms.world import Rooms


@pytest.fixture
def made():
    """Worlds that were made so far."""
    return []


@pytest.fixture
def lasting(made):
    def make():
        made.append(Rooms(frame_size=16))
        return made[-1]

    return LastingWorld(make)


def failing(times, error):
    left = [error] * times

    def do(world):
        if left:
            raise left.pop()
        return world.reset(700_000)

    return do


def test_what_fails_once_is_done_in_a_new_world(lasting, made, caplog):
    with caplog.at_level(logging.WARNING):
        shown = lasting.attempt(failing(1, OSError("the engine has ended")))
    assert shown.pose is not None
    assert len(made) == 2
    assert "OSError: the engine has ended; it is tried again" in caplog.text


def test_what_fails_twice_is_raised_and_the_next_world_is_new(lasting, made):
    with pytest.raises(DataError, match="gone"):
        lasting.attempt(failing(2, DataError("gone")))
    lasting.attempt(lambda world: world.reset(700_000))
    assert len(made) == 3


def test_a_mistake_of_the_user_is_raised_at_once(lasting, made):
    with pytest.raises(ConfigError):
        lasting.attempt(failing(1, ConfigError("no such thing")))
    assert len(made) == 1


def test_reasons_are_one_short_line():
    assert reason_of(OSError("one\n  two")) == "OSError: one two"
    assert reason_of(ValueError()) == "ValueError"
    assert len(reason_of(ValueError("x" * 999))) < 250
