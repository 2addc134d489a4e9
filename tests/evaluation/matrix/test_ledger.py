"""No memory is given a frame that it is later scored on; who tries finds nothing, or is stopped."""

import dataclasses

import pytest
import torch

from twospeed.core.errors import LeakError
from twospeed.evaluation.matrix.ledger import Ledger
from twospeed.evaluation.matrix.memories.context import NoMemory
from twospeed.evaluation.matrix.play import _Player, play
from twospeed.evaluation.matrix.protocol import load_protocol
from twospeed.evaluation.matrix.task import draw_task


@pytest.fixture
def ledger():
    return Ledger(torch.arange(24.0).reshape(1, 24, 1, 1))


def test_a_frame_that_was_shown_cannot_be_scored(ledger):
    ledger.show(0, 4)
    ledger.expect([4, 5])
    with pytest.raises(LeakError, match="frame 3 is scored, but was shown"):
        ledger.expect([3, 6])


def test_a_frame_that_is_to_be_scored_cannot_be_shown_until_it_is(ledger):
    ledger.expect([4, 5])
    with pytest.raises(LeakError, match="frame 5 is shown before"):
        ledger.show(5, 4)
    ledger.settle([4, 5])
    ledger.show(4, 2)


def test_nothing_lies_beside_what_is_shown(ledger):
    shown = ledger.show(2, 3)
    assert shown._base is None
    assert shown.untyped_storage().nbytes() == 3 * 4
    shown.fill_(-1)
    assert ledger.show(2, 3).flatten().tolist() == [2, 3, 4]


class Cheat(NoMemory):
    """Looks behind every tensor that it gets for frames that come later, and replays them."""

    def __init__(self, model):
        super().__init__(model)
        self.found = 0
        self.seen = 0

    def learn(self, shown):
        self.look(shown.past)
        self.look(shown.new)
        shown.new.zero_()  # and spoils what it was shown

    def look(self, tensor):
        behind = tensor if tensor._base is None else tensor._base
        self.seen += 1
        self.found += behind.untyped_storage().nbytes() > tensor.numel() * tensor.element_size()

    def generate(self, past_CPHW, action, seed):
        self.look(past_CPHW)
        made = super().generate(past_CPHW, action, seed)
        past_CPHW.zero_()
        return made


@pytest.mark.parametrize("name", ["revisit", "next_chunk", "long_rollout", "unseen"])
def test_a_memory_that_cheats_finds_nothing_and_spoils_nothing(model, name):
    protocol = load_protocol(name)
    if protocol.chunks:
        protocol = dataclasses.replace(protocol, chunks=4)
    task = draw_task(model, protocol, None, 500)
    cheats = []

    def make(model, _):
        cheats.append(Cheat(model))
        return cheats[-1]

    cheated = play(model, make, task, protocol, seed=0)
    honest = play(model, lambda model, _: NoMemory(model), task, protocol, seed=0)
    assert cheats[0].seen > 0
    assert cheats[0].found == 0
    assert torch.equal(cheated.made, honest.made)


def test_a_memory_is_not_told_which_episode_it_is(model):
    task = draw_task(model, load_protocol("revisit"), None, 500)
    told = []

    def make(model, seed):
        told.append(seed)
        return NoMemory(model)

    play(model, make, task, load_protocol("revisit"), seed=0)
    assert 500 not in told


def test_a_protocol_that_shows_the_way_back_is_stopped(model):
    protocol = load_protocol("revisit")
    task = draw_task(model, protocol, None, 500)
    player = _Player(model, task, protocol, 0)
    longer = dataclasses.replace(task, observed=task.observed + 1)
    player.ledger.expect(range(task.first_judged, len(task.frames)))
    player.task = longer
    with pytest.raises(LeakError, match="shown before it is scored"):
        player._show(NoMemory(model), task.observed)
