import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.planning.imagining.glance import glance
from twospeed.planning.search.beam import BeamSearch
from twospeed.planning.search.costs import unlike

COMMANDS = ("go forward", "turn left", "turn right")


def past(model):
    frames = torch.randint(
        0, 256, (1, 4, 16, 16, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    return model.encode(frames.numpy())


def test_the_future_that_shows_the_goal_is_the_best(model):
    start = past(model)
    goal = glance(model, None, start, ["turn left"])
    best = BeamSearch(model, COMMANDS).search(start, None, unlike(goal), seed=0)
    assert best[0].commands == ("turn left",)
    assert best[0].cost == pytest.approx(0, abs=1e-9)
    assert [one.cost for one in best] == sorted(one.cost for one in best)


def test_a_model_without_recall_generates_its_futures(make_model):
    model = make_model(denoiser="unet3d")
    start = past(model)
    search = BeamSearch(model, COMMANDS)
    futures = search.search(start, None, unlike(start), seed=0)
    assert glance(model, None, start, ["turn left"]) is None
    assert len(futures) == len(COMMANDS)
    assert search.num_imagined == 4 * len(COMMANDS)


def test_a_beam_keeps_its_width_and_depth(model):
    start = past(model)
    futures = BeamSearch(model, COMMANDS, width=2, depth=3).search(
        start, None, unlike(start), seed=0
    )
    assert len(futures) == 2
    assert all(len(one.commands) == 3 for one in futures)


def test_a_wide_beam_finds_the_best_of_all(model):
    start = past(model)
    goal = start.flip(2)
    wide = BeamSearch(model, COMMANDS, width=9, depth=2).search(start, None, unlike(goal), seed=0)
    full = BeamSearch(model, COMMANDS, width=81, depth=2).search(start, None, unlike(goal), seed=0)
    assert wide[0].commands == full[0].commands


def test_a_beam_needs_commands(model):
    with pytest.raises(ConfigError, match="commands"):
        BeamSearch(model, ())
