import numpy as np
import pytest

from twospeed.core.errors import ConfigError
from twospeed.planning.splitting.grammar import GrammarSplitter
from twospeed.planning.tasks.table import task_and_goals
from twospeed.worlds.registry import make_world

SEED = 700_100


def told(sentence, world="fetch"):
    return task_and_goals(sentence, world, GrammarSplitter())[0]


def test_the_hand_is_led_to_the_block_that_is_to_be_picked_up(fetch):
    task = told("pick up the block, carry it left, then put it back where it was")
    begun = task.begin(fetch, SEED, off_path=False)
    assert begun.actions[-3:] == ("close the gripper", "raise the gripper", "move the gripper left")
    block, hand = (np.array(begun.shots[-1].objects[name]) for name in ("block", "gripper"))
    assert np.abs(block - hand).max() < 0.03, "it is held"
    assert task.distance(begun, begun.shots[-1:]) > task.success_metres
    task.restore(fetch, begun)
    again = fetch.step("close the gripper").objects["block"]
    assert np.allclose(again, block, atol=0.02)


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("pick up the red block, then put the red block back", "no red block: say 'the block'"),
        ("pick up the block, put it down, pick it up, then put it back", "picks something up once"),
    ],
)
def test_what_one_cannot_say_is_one_line(sentence, message):
    with pytest.raises(ConfigError, match=message):
        told(sentence)


def test_what_is_said_is_done_as_it_is_where_nothing_is_picked_up():
    task = told("go forward twice, turn left, then go home", "rooms")
    world = make_world("rooms", frame_size=16)
    begun = task.begin(world, SEED, off_path=False)
    assert begun.actions == ("go forward", "go forward", "turn left")
    assert len(begun.shots) == 13
