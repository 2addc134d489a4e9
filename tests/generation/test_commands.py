import pytest

from twospeed.generation.commands import _slips, sounds_known
from twospeed.worlds.language import MOVES

SAYINGS = [text for action in MOVES.values() for text in (action.text, *action.paraphrases)]
HELD_OUT = [text for action in MOVES.values() for text in action.held_out]


@pytest.mark.parametrize("text", [*HELD_OUT, "trun left", "Please go forwrd!", "avance"])
def test_other_wordings_and_slips_of_the_finger_pass(text):
    assert sounds_known(text, SAYINGS)


@pytest.mark.parametrize("text", ["dance", "eat the apple", "hello world", "xyzzy", "please", "?"])
def test_what_nobody_could_place_does_not(text):
    assert not sounds_known(text, SAYINGS)


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [("turn", "turn", 0), ("trun", "turn", 1), ("trn", "turn", 1), ("tuurn", "turn", 1),
     ("turm", "turn", 1), ("dance", "advance", 2), ("left", "right", 2)],
)  # fmt: skip
def test_slips_are_counted(first, second, count):
    assert _slips(first, second) == count == _slips(second, first)
