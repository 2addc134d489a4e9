import numpy as np
import pytest

from twospeed.core.errors import DataError, MissingExtraError
from twospeed.planning.acting.undoing import UNDOES
from twospeed.planning.splitting.base import PUT_BACK
from twospeed.planning.splitting.grammar import GrammarSplitter
from twospeed.planning.tasks.handling import PutBack, PutBackTwo
from twospeed.planning.tasks.table import task_for
from twospeed.worlds.base import Observation
from twospeed.worlds.registry import make_world
from twospeed.worlds.rooms.world import Rooms

SEED = 700_000


def test_the_block_is_somewhere_else_and_can_be_brought_there_again(fetch):
    task = task_for("put_back", "fetch")
    begun = task.begin(fetch, SEED, off_path=True)
    assert task.distance(begun, begun.shots[-1:]) > task.success_metres
    assert len(begun.shots) == 1 + 4 * len(begun.actions) + len(begun.aside)
    task.restore(fetch, begun)
    again = fetch.step("raise the gripper a little").objects["block"]
    assert np.allclose(again, begun.shots[-1].objects["block"], atol=1e-3)


def undone(task, fetch, *, off_path):
    """Return how far the block is from its place when all commands were undone."""
    begun = task.begin(fetch, SEED, off_path=off_path)
    acted = [begun.shots[-1]]
    for action in reversed(begun.actions):
        acted += [fetch.step(UNDOES[action]) for _ in range(4)]
    return task.distance(begun, acted)


def test_undoing_all_commands_puts_the_block_back(fetch):
    task = PutBack()
    assert undone(task, fetch, off_path=False) < task.success_metres


def test_off_the_path_undoing_all_commands_misses_the_block(fetch):
    task = PutBack()
    assert undone(task, fetch, off_path=True) > task.success_metres


def test_of_two_blocks_the_one_that_was_carried_is_named_by_its_colour():
    task = task_for("put_back_two", "fetch")
    try:
        world = make_world("fetch", frame_size=16, **task.world_options)
    except MissingExtraError as error:
        pytest.skip(str(error))
    for seed in (SEED, SEED + 2):
        begun = task.begin(world, seed, off_path=False)
        first, last = begun.shots[0].objects, begun.shots[-1].objects
        moved = {name: np.linalg.norm(np.subtract(last[name], first[name])) for name in first}
        blocks = sorted((name for name in first if name.endswith("block")), key=moved.get)
        assert len(blocks) == 2
        assert moved[blocks[0]] < 0.01 < moved[blocks[1]]
        assert begun.sentence == f"put the {blocks[1]} back where it was"
        assert task.distance(begun, begun.shots[-1:]) == pytest.approx(moved[blocks[1]], abs=1e-4)
        [goal] = GrammarSplitter().split(begun.sentence, world.actions)
        assert (goal.kind, goal.thing) == (PUT_BACK, blocks[1])
        task.restore(world, begun)
        again = world.step("raise the gripper a little").objects[blocks[1]]
        assert np.allclose(again, last[blocks[1]], atol=1e-3)
    world.close()


def test_one_block_asks_for_it_without_a_colour(fetch):
    begun = PutBack().begin(fetch, SEED, off_path=False)
    assert begun.sentence == PutBack.sentence == PutBackTwo.sentence


def test_worlds_without_a_block_are_refused():
    with pytest.raises(DataError, match="where its block is"):
        PutBack().begin(Rooms(frame_size=16), SEED, off_path=False)
    shot = Observation(frame=np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(DataError, match="where its block is"):
        PutBack().distance(None, [shot])
