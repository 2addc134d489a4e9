import numpy as np
import pytest
import torch

from twospeed.planning.acting.closed_loop import ClosedLoop, moves
from twospeed.planning.acting.deciding import Decider
from twospeed.planning.acting.undoing import UNDOES, Undoing
from twospeed.planning.imagining.remembering import RememberingPlanner
from twospeed.planning.splitting.base import COMMAND, REMEMBERED, WAY_BACK, SubGoal
from twospeed.planning.tasks.walks import Retrace
from twospeed.worlds.language import MOVES
from twospeed.worlds.rooms.world import Rooms
from twospeed.worlds.words.arm import ARM

BACK = SubGoal(kind=WAY_BACK, text=REMEMBERED[WAY_BACK])


@pytest.fixture
def world():
    return Rooms(frame_size=16)


def loop(model, inverse):
    decider = Decider(model=model, inverse=inverse, search=None, memory=None, undoes=UNDOES)
    return ClosedLoop(RememberingPlanner(model, None), decider)


def test_it_acts_by_what_is_read_until_its_chunks_are_spent(model, scripted, world):
    begun = Retrace().begin(world, 700_001, off_path=False)
    told = ["turn left", "go back"] * 50
    acted = loop(model, scripted(*told)).act(world, begun, [BACK], seed=0)
    assert acted.commands[:2] == tuple(told[:2])
    assert len(acted.shots) == 1 + 4 * begun.budget
    assert acted.replans == begun.budget - 1
    assert acted.num_imagined == 4 * begun.budget
    assert not acted.is_stopped


def test_told_commands_are_given_as_they_are(model, scripted, world):
    begun = Retrace().begin(world, 700_001, off_path=False)
    goals = [SubGoal(kind=COMMAND, text="turn left"), SubGoal(kind=COMMAND, text="go back")]
    acted = loop(model, scripted()).act(world, begun, goals, seed=0)
    assert acted.commands == ("turn left", "go back")
    assert {decision.way for decision in acted.decisions} == {"told"}


def test_the_same_seed_acts_the_same(model, inverse, world):
    task = Retrace()
    begun = task.begin(world, 700_001, off_path=False)
    runs = []
    for _ in range(2):
        task.restore(world, begun)
        runs.append(loop(model, inverse).act(world, begun, [BACK], seed=3))
    assert runs[0].commands == runs[1].commands
    assert all(map(np.array_equal, runs[0].imagined, runs[1].imagined))


def test_still_frames_end_a_way():
    still = np.full((5, 8, 8, 3), 100, np.uint8)
    assert not moves(still)
    assert moves(still + np.arange(5, dtype=np.uint8)[:, None, None, None] * 3)


def test_undoing_undoes_without_looking(world):
    begun = Retrace().begin(world, 700_001, off_path=False)
    start = begun.shots[0].pose
    acted = Undoing().act(world, begun, [BACK], seed=0)
    assert (world.pose.x, world.pose.y) == pytest.approx((start.x, start.y))
    assert acted.imagined == []


@pytest.mark.parametrize("text", [*MOVES, *ARM])
def test_every_command_has_one_that_undoes_it(text):
    assert UNDOES[UNDOES[text]] == text
    assert UNDOES[text] != text


def test_a_command_that_led_nowhere_is_not_given_again(model, scripted):
    from twospeed.memory.config import RidgeConfig
    from twospeed.memory.fast_weights import FastWeights
    from twospeed.planning.imagining.base import Imagined

    memory = FastWeights(model, RidgeConfig(rank=16), seeds=(0,))
    decider = Decider(
        model=model, inverse=scripted(*["step left"] * 3), search=None, memory=memory,
        undoes=UNDOES,
    )  # fmt: skip
    past = model.encode(np.zeros((1, 4, 16, 16, 3), np.uint8))
    imagined = Imagined(frames=np.zeros((5, 16, 16, 3), np.uint8), latents=past, familiarity=1.0)
    decided = [decider.decide(past, imagined, seed) for seed in range(3)]
    assert len({one.command for one in decided}) == 3
    assert [one.way for one in decided] == ["read", "known", "known"]
    assert torch.equal(decider.given[0][0], past[0, :, -1])


@pytest.mark.parametrize(("apart", "again"), [(0.3, False), (0.6, True)])
def test_a_view_that_hardly_moved_is_the_same_one(model, scripted, apart, again):
    # pushed against a wall, Doom's player slides along it by a centimetre: 0.04 to 0.16 apart
    decider = loop(model, scripted("go back", "go back")).decider
    past = model.encode(np.zeros((1, 4, 16, 16, 3), np.uint8))
    planner = RememberingPlanner(model, None)
    imagined = planner.imagine("go back", past, 0)
    decider.decide(past, imagined, 0)
    second = decider.decide(past + apart, imagined, 0)
    assert (second.command == "go back") == again
