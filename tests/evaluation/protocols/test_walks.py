import numpy as np
import pytest

from twospeed.core.errors import UnknownNameError
from twospeed.evaluation.protocols.walks import by_writes, draw_walks
from twospeed.worlds.routes.base import EXACT


@pytest.mark.parametrize("kind", EXACT)
def test_revisits_show_what_was_seen_at_the_first_visit_bit_for_bit(kind):
    for walk in draw_walks(kind, range(6), size=32):
        revisits = walk.revisits
        assert len(revisits)
        there = walk.truth_back[revisits]
        assert np.array_equal(there, walk.frames[walk.route.first_visit[revisits]])


def test_a_replay_writes_its_first_pass_alone():
    walk = draw_walks("replay", [1], size=32)[0]
    assert walk.num_writes == walk.route.restart_at == walk.route.seen - 1
    assert len(walk.new_frames) == 1 + 4 * walk.num_writes


def test_a_pose_met_again_on_the_way_out_is_not_new():
    walk = draw_walks("loop_return", [2], size=32)[0]  # a full turn comes back to its start
    assert walk.new_frames[0]
    assert not walk.new_frames[-1]


def test_the_longest_way_out_comes_first():
    walks = by_writes(draw_walks("out_and_back", range(6), size=32))
    writes = [walk.num_writes for walk in walks]
    assert writes == sorted(writes, reverse=True)


def test_an_unknown_route_is_named():
    with pytest.raises(UnknownNameError, match="no route is called 'loop'"):
        draw_walks("loop", [1], size=32)
