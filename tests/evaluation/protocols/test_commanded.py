import numpy as np
import pytest

from twospeed.evaluation.protocols.base import ProtocolConfig
from twospeed.evaluation.protocols.commanded import (
    COMMANDS,
    JUDGED_FRAMES,
    action_accuracy,
    outcomes_at,
)
from twospeed.evaluation.protocols.walks import draw_walks
from twospeed.evaluation.protocols.warp import warped
from twospeed.worldmodel.rendering.camera import Camera


@pytest.fixture(scope="module")
def some():
    return draw_walks("out_and_back", range(12), size=32)


def test_true_outcomes_are_always_recognised(some):
    for one in some:
        outcomes = outcomes_at(one)
        for index in range(len(COMMANDS)):
            if outcomes.is_unique(index):
                assert outcomes.nearest(outcomes.frames[index]) == index


def test_a_command_that_a_wall_stops_is_not_judged(some):
    stopped = [
        (outcomes, index)
        for one in some
        for outcomes in [outcomes_at(one)]
        for index in range(len(COMMANDS))
        if not outcomes.is_unique(index)
    ]
    assert stopped
    for outcomes, index in stopped:
        still = outcomes.frames[index]
        assert np.array_equal(still[0], still[JUDGED_FRAMES - 1])


def test_turns_are_never_stopped(some):
    turns = [index for index, command in enumerate(COMMANDS) if command.startswith("turn")]
    assert all(outcomes_at(one).is_unique(index) for one in some for index in turns)


def test_accuracy_is_reported_for_both_wordings_and_every_command(model, fast, some):
    config = ProtocolConfig(memory=fast)
    off = action_accuracy(model, some[:2], config)
    assert off == action_accuracy(model, some[:2], config)
    on, warp = off.pop("on"), off.pop("warp")
    assert all(set(report) == {"canonical", "held_out"} for report in (off, on))
    for report in (off, on, {"warp": warp}):
        for part in report.values():
            assert 0 <= part["low"] <= part["mean"] <= part["high"] <= 1
            assert 0 < part["trials"] <= 2 * len(COMMANDS)
            assert set(part["by_command"]) == set(COMMANDS)


def test_a_moved_picture_obeys_most_commands_and_one_that_stays_few(some):
    still, moved = [], []
    for one in some:
        outcomes = outcomes_at(one)
        still += outcomes.obeyed([np.stack([outcomes.before] * JUDGED_FRAMES)] * len(COMMANDS))
        moved += outcomes.obeyed([warped(outcomes.before, it, Camera()) for it in COMMANDS])
    assert np.nanmean(moved) > 0.7
    assert np.nanmean(still) < 0.4
