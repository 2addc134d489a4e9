import pytest

from twospeed.core.errors import UnknownNameError
from twospeed.worlds.commands import FAR_CHUNKS, parse_commands
from twospeed.worlds.language import MOVES
from twospeed.worlds.registry import WORLDS

DOOM = WORLDS["doom"].actions


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("turn left", ["turn left"]),
        ("Turn left.", ["turn left"]),
        ("please rotate counterclockwise", ["turn left"]),
        ("turn left a little, then go forward", ["turn left a little", "go forward"]),
        ("turn slightly left then march ahead", ["turn left a little", "go forward"]),
        ("slightly turn right; back up", ["turn right a little", "go back"]),
        ("look right a bit and then walk on ahead", ["turn right a little", "go forward"]),
        ("turn left and go forward", ["turn left", "go forward"]),
        ("turn left twice, go back three times", ["turn left"] * 2 + ["go back"] * 3),
        ("turn left*4, go forward", ["turn left"] * 4 + ["go forward"]),
        ("walk straight 2 times", ["go forward"] * 2),
        ("turn left a little twice", ["turn left a little"] * 2),
        ("go forward far", ["go forward"] * FAR_CHUNKS),
        ("go a long way forward, step left once", ["go forward"] * FAR_CHUNKS + ["step left"]),
    ],
)
def test_a_sentence_becomes_one_action_a_chunk(text, chunks):
    assert parse_commands(text, DOOM) == chunks


@pytest.mark.parametrize("name", WORLDS)
def test_every_saying_of_every_world_is_understood(name):
    actions = WORLDS[name].actions
    for action in actions.values():
        for saying in (action.text, *action.paraphrases, *action.held_out):
            assert parse_commands(saying, actions) == [action.text]
            assert parse_commands(f"{saying}, then {saying} twice", actions) == [action.text] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty command: write for example"),
        (" , then", "an empty command"),
        ("turn lefft", "Did you mean 'turn left'"),
        ("turn left many times", "no action is called 'turn left many times'"),
        ("turn left*0", "1 to 1000 times, got 0"),
        ("turn left*5000", "1 to 1000 times, got 5000"),
        ("step left a bit", "cannot 'step left' a little; what it can do a little: go forward a l"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(text, message):
    with pytest.raises(UnknownNameError, match=message.replace("*", r"\*")):
        parse_commands(text, DOOM)


def test_a_world_without_grades_says_so():
    with pytest.raises(UnknownNameError, match="what it can do a little: nothing"):
        parse_commands("turn left a little", MOVES)
