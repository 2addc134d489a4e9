import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.planning.imagining.glance import glance
from twospeed.planning.search.beam import BeamSearch
from twospeed.planning.search.cem import CrossEntropySearch
from twospeed.planning.search.costs import unlike
from twospeed.worlds.language import MOVES


@pytest.fixture
def past(model):
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (1, 4, 16, 16, 3), generator=generator, dtype=torch.uint8)
    return model.encode(frames.numpy())


def test_the_future_that_shows_the_goal_is_the_best(model, past):
    goal = glance(model, None, past, ["turn left"])
    search = CrossEntropySearch(model, tuple(MOVES))
    best = search.search(past, None, unlike(goal), seed=0)
    assert best[0].commands == ("turn left",)
    assert best[0].cost == pytest.approx(0, abs=1e-9)
    assert [one.cost for one in best] == sorted(one.cost for one in best)
    assert search.num_imagined == 4 * len(best)


def test_with_many_samples_it_finds_what_a_full_beam_finds(model, past):
    commands = ("go forward", "turn left", "turn right")
    goal = unlike(past.flip(2))
    full = BeamSearch(model, commands, width=9, depth=2).search(past, None, goal, seed=0)
    search = CrossEntropySearch(model, commands, depth=2, samples=64)
    found = search.search(past, None, goal, seed=0)
    assert found[0].commands == full[0].commands
    assert found[0].cost == pytest.approx(full[0].cost)


def test_later_rounds_draw_like_the_best(model, past):
    search = CrossEntropySearch(model, ("go forward", "turn left"), elites=1)
    best = search.search(past, None, unlike(past), seed=0)[:1]
    table = search._table_of(best)
    place = search.commands.index(best[0].commands[0])
    assert table[0, place] == pytest.approx(0.95)
    assert table.sum(1) == pytest.approx(1)


def test_the_same_seed_finds_the_same(model, past):
    search = CrossEntropySearch(model, tuple(MOVES), depth=3, samples=4)
    runs = [search.search(past, None, unlike(past), seed=5) for _ in range(2)]
    assert [one.commands for one in runs[0]] == [one.commands for one in runs[1]]


@pytest.mark.parametrize("wrong", [{"samples": 0}, {"elites": 0}, {"rounds": 0}, {"depth": 0}])
def test_numbers_below_one_are_refused(model, wrong):
    with pytest.raises(ConfigError, match="1 or more"):
        CrossEntropySearch(model, ("go forward",), **wrong)
