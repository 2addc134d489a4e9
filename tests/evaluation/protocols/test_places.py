import numpy as np
import pytest

from twospeed.core.errors import ConfigError, UnknownNameError
from twospeed.evaluation.protocols.base import ProtocolConfig
from twospeed.evaluation.protocols.commanded import COMMANDS, outcomes_at
from twospeed.evaluation.protocols.places import place_of
from twospeed.evaluation.protocols.walks import draw_walks
from twospeed.evaluation.recall import RecallConfig, measure_recall
from twospeed.worlds.registry import WORLDS, is_installed

needs_doom = pytest.mark.skipif(not is_installed(WORLDS["doom"].about), reason="needs ViZDoom")


@pytest.mark.parametrize("world", ["rooms", pytest.param("doom", marks=needs_doom)])
@pytest.mark.parametrize("kind", ["out_and_back", "replay"])
def test_what_comes_after_a_frame_is_what_the_route_showed(world, kind):
    for one in draw_walks(kind, [2, 3], size=16, world=world):
        here = one.route.first_generated - 1
        after = one.place.film_on(one.route, here, one.route.actions[one.route.seen :][:2])
        difference = abs(after.astype(int) - one.truth_back[:8])
        assert difference.mean() < 0.5  # rooms: revisits are snapped to the first visit's pose
        begun = one.place.film_on(one.route, 0, one.route.actions[:2])
        assert np.array_equal(begun, one.frames[1:9])


def test_a_world_without_moves_is_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"all moves, true poses .*rooms, doom.*got crafter"):
        place_of("crafter", 16)


def test_an_unknown_world_is_named():
    with pytest.raises(UnknownNameError, match="no world is called 'room'"):
        place_of("room", 16)


@needs_doom
def test_doom_commands_have_different_outcomes_where_nothing_is_in_the_way():
    outcomes = [
        outcomes_at(one) for one in draw_walks("loop_return", [4, 5], size=16, world="doom")
    ]
    unique = [out.is_unique(index) for out in outcomes for index in range(len(COMMANDS))]
    assert sum(unique) >= 8


@needs_doom
def test_recall_in_doom_reports_everything_but_landmarks(model, fast):
    config = RecallConfig(
        routes=("loop_return",), episodes=2, settings=ProtocolConfig(memory=fast), world="doom",
        command_episodes=1, timed_chunks=1, drift_episodes=1, drift_chunks=2,
    )  # fmt: skip
    report = measure_recall(model, config)
    route = report["routes"]["loop_return"]
    assert route["psnr_db"]["on"]["mean"] > 0
    assert route["landmark_recall"]["on"]["mean"] is None
    assert report["drift"]["truth"]
