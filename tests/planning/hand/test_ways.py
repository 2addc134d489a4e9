import numpy as np
import pytest

from twospeed.planning.acting.undoing import UNDOES
from twospeed.planning.hand.ways import settled, towards, way_of
from twospeed.worlds.words.arm import ARM


def test_a_command_and_the_one_that_undoes_it_cancel_and_a_little_is_a_quarter():
    for text in ARM:
        assert np.array_equal(way_of(text), -way_of(UNDOES[text])) or "gripper" not in text
    little = way_of("raise the gripper a little")
    assert np.array_equal(4 * little, way_of("raise the gripper"))
    assert not way_of("close the gripper").any()


@pytest.mark.parametrize("away", [(2.0, -1.0, 0.5), (0.0, 0.0, -0.3), (-0.8, 0.2, 0.0)])
def test_commands_lead_along_a_way_and_then_rest(away):
    commands = towards(np.array(away), 12, rest="open the gripper")
    led = np.sum([way_of(it) for it in commands], 0)
    assert np.abs(led - away).max() < 0.2
    assert commands[-1] == "open the gripper"
    assert len(commands) == 12


def test_a_hand_comes_to_rest_where_the_next_chunk_shows_it():
    places = [np.array([3.4, 0.0, 0.0]), np.array([4.0, 0.0, -3.4]), np.array([4.0, 0.1, -4.0])]
    rest = settled(places)
    assert np.allclose(rest[0], (4.0, 0.0, 0.0))
    assert np.allclose(rest[1], (4.0, 0.1, -4.0))
    assert np.allclose(places[0], (3.4, 0.0, 0.0)), "what is given stays as it is"
