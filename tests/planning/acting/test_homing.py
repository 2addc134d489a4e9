import numpy as np
import pytest

from twospeed.memory.config import ViewConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.presets import preset_of
from twospeed.planning.acting.homing import Homing
from twospeed.planning.acting.undoing import Undoing
from twospeed.planning.imagining.remembering import learned
from twospeed.planning.imagining.replay import Seen
from twospeed.planning.splitting.base import COMMAND, REMEMBERED, WAY_BACK, SubGoal
from twospeed.planning.tasks.walks import Retrace
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.language import MOVES
from twospeed.worlds.rooms.world import Rooms

BACK = SubGoal(kind=WAY_BACK, text=REMEMBERED[WAY_BACK])


def homing(model, begun, config):
    latents = model.encode(begun.frames[None, : 1 + 4 * len(begun.actions)])
    seen = Seen(latents_1CTHW=latents, actions=begun.actions, frames=4)
    memory = learned(FastWeights(model, config, seeds=(begun.seed,)), seen)
    return Homing(model, memory, tuple(MOVES))


@pytest.mark.parametrize("off_path", [False, True])
def test_it_acts_the_same_again_and_imagines_every_frame(viewing_model, off_path):
    world, task = Rooms(frame_size=16), Retrace()
    begun = task.begin(world, 700_001, off_path=off_path)
    told = SubGoal(kind=COMMAND, text="turn left")
    runs = []
    for _ in range(2):
        task.restore(world, begun)
        executor = homing(viewing_model, begun, ViewConfig(rank=64))
        runs.append(executor.act(world, begun, [told, BACK], seed=0))
    first, second = runs
    assert first.commands == second.commands
    assert first.commands[0] == "turn left*4"
    assert first.decisions[0].way == "told"
    assert {it.way for it in first.decisions[1:]} <= {"placed"}
    assert len(first.shots) == 1 + 4 * len(first.decisions)
    assert [it.shape for it in first.imagined] == [(4, 16, 16, 3)] * len(first.decisions)
    assert first.num_imagined == 4 * len(first.decisions)
    assert all(map(np.array_equal, first.imagined, second.imagined))


def test_a_memory_of_another_kind_is_refused(model):
    with pytest.raises(TypeError, match="a memory of views"):
        Homing(model, FastWeights(model), tuple(MOVES))


@pytest.mark.slow
def test_the_packaged_model_finds_back_from_off_the_path_where_undoing_does_not():
    model, world, task = WorldModel.from_pretrained("rooms-64"), Rooms(frame_size=64), Retrace()
    begun = task.begin(world, 720_001, off_path=True)
    acted = homing(model, begun, preset_of(model, "default")).act(world, begun, [BACK], seed=0)
    found = task.distance(begun, acted.shots)
    task.restore(world, begun)
    undone = task.distance(begun, Undoing().act(world, begun, [BACK], seed=0).shots)
    assert found < 0.2 < undone
    assert acted.is_stopped
