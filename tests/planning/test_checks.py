import pytest

from twospeed.core.errors import ConfigError
from twospeed.planning.checks import hand_of
from twospeed.planning.hand.reader import HandReader, new_network
from twospeed.planning.splitting.grammar import GrammarSplitter
from twospeed.planning.tasks.table import task_and_goals


def goals(task, world):
    return task_and_goals(task, world, GrammarSplitter())[1]


def test_a_hand_is_what_is_given_else_what_is_packaged_and_none_where_nothing_is_handled():
    handled = goals("put_back", "fetch")
    own = HandReader(new_network(0), "fetch")
    assert hand_of(own, "fetch", handled) is own
    assert hand_of(None, "fetch", handled).world == "fetch"
    walk = goals("retrace", "rooms")
    assert hand_of(None, "rooms", walk) is None
    with pytest.raises(ConfigError, match="nothing is handled in this task"):
        hand_of(own, "rooms", walk)


def test_a_hand_of_another_world_is_refused():
    with pytest.raises(ConfigError, match="is of sawyer, not of fetch: train one by"):
        hand_of(HandReader(new_network(0), "sawyer"), "fetch", goals("put_back", "fetch"))
