import pytest

from twospeed.core.errors import UnknownNameError
from twospeed.worlds.language import MOVES, OPPOSITE, known_action


def test_every_move_has_paraphrases_and_others_that_are_held_out():
    for action in MOVES.values():
        assert len(action.paraphrases) >= 8
        assert len(action.held_out) >= 3
        assert not set(action.paraphrases) & set(action.held_out)


def test_a_saying_means_one_thing():
    sayings = [
        saying.casefold()
        for action in MOVES.values()
        for saying in (action.text, *action.paraphrases, *action.held_out)
    ]
    assert len(sayings) == len(set(sayings))
    assert all(saying == " ".join(saying.split()) for saying in sayings)


def test_opposites_undo_each_other():
    assert set(OPPOSITE) == set(MOVES)
    for action, undoing in OPPOSITE.items():
        assert undoing != action
        assert OPPOSITE[undoing] == action


def test_an_unknown_action_names_the_nearest():
    assert known_action(MOVES, "go back").text == "go back"
    with pytest.raises(UnknownNameError, match="Did you mean 'go back'"):
        known_action(MOVES, "go bakc")
