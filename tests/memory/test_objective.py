from dataclasses import replace

import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.memory.config import GradientConfig
from twospeed.memory.objective import draw_write

NEXT = GradientConfig(objective="next", levels_per_update=400, lowest_level=300)
SHAPE = (2, 8, 1, 1)


def draw(config, seed=1):
    return draw_write(config, SHAPE, 4, [(seed,)])


def test_next_keeps_the_past_clean_and_spreads_the_levels_of_new_frames():
    draws = draw(NEXT)
    assert not draws.level_NT[:, :4].any()
    assert not draws.counts_NT[:, :4].any()
    assert draws.counts_NT[:, 4:].all()
    levels = draws.level_NT[:, 4:]
    assert (levels == levels[:, :1]).all()
    assert levels.min() >= 300
    assert levels.max() <= 1000
    few = draw(replace(NEXT, levels_per_update=40)).level_NT[:, 7]
    parts = ((few - 300) * 40 // 701).unique()
    assert len(parts) >= 36  # one from each of 40 parts, but for rounding; by chance it were 25


def test_joint_noises_every_frame_alike_and_counts_them_all():
    draws = draw(replace(NEXT, objective="joint"))
    assert (draws.level_NT == draws.level_NT[:, :1]).all()
    assert draws.counts_NT.all()
    assert not draws.with_text_N.any()


def test_half_of_the_pasts_are_noised_up_to_their_level():
    draws = draw(replace(NEXT, past_level=200))
    past = draws.level_NT[:, :4]
    assert (past == past[:, :1]).all()
    assert 0.4 < float((past[:, 0] == 0).float().mean()) < 0.6
    assert 150 < past.max() <= 200
    assert torch.equal(draws.level_NT[:, 4:], draw(NEXT).level_NT[:, 4:])


def test_both_is_half_of_each():
    draws = draw(replace(NEXT, objective="both", past_level=200))
    assert draws.with_text_N.tolist() == [False, True] * 200
    joint = draws.level_NT[~draws.with_text_N]
    assert (joint == joint[:, :1]).all()


def test_a_level_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="past_level"):
        replace(NEXT, past_level=1001)
