import itertools

import numpy as np
import pytest

from twospeed.planning.acting.undoing import UNDOES
from twospeed.planning.hand.ways import closings, is_closed_after, settled, towards, way_of
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


REST, MOVED = np.zeros(3), np.array([4.0, 0, 0])


def closed_of(odds, moves):
    """Return what is made of log odds after each chunk and of how the chunk moved the hand."""
    return closings(np.array([-9.0, *odds]), np.cumsum([REST, *moves], axis=0))


def test_a_hand_closes_and_opens_where_it_was_read_so():
    moves = [MOVED, REST, MOVED, MOVED, REST, MOVED]
    assert closed_of([-5, 5, 5, 5, -5, -5], moves) == [False, True, True, True, False, False]


def test_one_frame_that_was_read_wrongly_lets_nothing_go_on_the_way():
    moves = [MOVED, REST, MOVED, MOVED, MOVED, REST]
    assert closed_of([-5, 5, 5, -9, 5, -5], moves) == [False, True, True, True, True, False]
    assert closed_of([5, -5, -5, -5, -5, -5], moves) == [False] * 6


def test_it_closes_where_it_rests():
    moves = [MOVED, REST, MOVED, MOVED, REST]
    assert closed_of([-5, -0.5, 5, 5, -5], moves) == [False, True, True, True, False]


DOWN = np.array([0.0, 0.0, -4.0])


def test_it_closes_and_opens_down_at_the_table():
    moves = [MOVED, DOWN, REST, -DOWN, MOVED, DOWN, REST, -DOWN]
    read = [2, 3, 5, 5, 5, 5, -0.2, 1]
    assert closed_of(read, moves) == [False, False, True, True, True, True, False, False]


def test_the_way_ends_with_an_open_hand():
    assert closed_of([-5, 5, 5, 5], [MOVED, REST, MOVED, REST]) == [False, True, True, False]


def test_a_hand_that_holds_something_begins_closed():
    odds, places = np.array([5.0, 5, -5, -5]), np.cumsum([REST, MOVED, REST, MOVED], axis=0)
    assert closings(odds, places, begins_closed=True) == [True, False, False]
    assert is_closed_after(["close the gripper", "raise the gripper"])
    assert not is_closed_after(["close the gripper", "open the gripper", "raise the gripper"])
    assert not is_closed_after([])


def test_no_chunks_close_nothing():
    assert closed_of([], []) == []


def test_the_sequence_is_the_likeliest_of_all():
    numbers = np.random.default_rng(0)
    for _ in range(20):
        odds, places = numbers.normal(0, 2, 7), numbers.normal(0, 1, (7, 3))
        ways = (it for it in itertools.product((False, True), repeat=6) if not it[-1])
        assert closings(odds, places) == list(min(ways, key=cost_of(odds, places)))


def cost_of(odds, places):
    def cost(states):
        total, before = 0.0, False
        for index, state in enumerate(states, start=1):
            sure = np.clip(odds[index], -3, 3)
            total += np.logaddexp(0, -sure if state else sure)
            moved = np.abs(places[index] - places[index - 1]).max()
            high = places[index, 2] - places[:, 2].min()
            total += (1 + 2 * moved + 2 * high) * (state != before)
            before = state
        return total

    return cost
