import re

import pytest

from twospeed.core.errors import UnknownNameError
from twospeed.generation.commands import _slips, place_commands, sounds_known
from twospeed.worldmodel.vocabulary import KnownAction, Vocabulary
from twospeed.worlds.language import MOVES

SAYINGS = [text for action in MOVES.values() for text in (action.text, *action.paraphrases)]
HELD_OUT = [text for action in MOVES.values() for text in action.held_out]


@pytest.mark.parametrize("text", [*HELD_OUT, "trun left", "Please go forwrd!", "avance", "turning"])
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


KITCHEN = Vocabulary(
    {
        "pour the tea, slowly": KnownAction(),
        "öffne die Tür": KnownAction(paraphrases=("mach auf",)),
        "stir": KnownAction(),
        "お茶を注ぐ": KnownAction(),
        "3": KnownAction(),
        "↑": KnownAction(),
    }
)


def test_a_models_own_words_are_taken_in_any_script_and_spelling():
    texts = ["Stir", "O\u0308ffne die  tür", "MACH AUF", "お茶を注ぐ", "3", "↑", "stir"]
    assert place_commands(texts, KITCHEN) == [
        "stir", "öffne die Tür", "mach auf", "お茶を注ぐ", "3", "↑", "stir",
    ]  # fmt: skip


def test_other_wordings_stay_as_they_are():
    texts = [*HELD_OUT, "trun left", "Please go forwrd!"]
    moves = Vocabulary({it.text: KnownAction(paraphrases=it.paraphrases) for it in MOVES.values()})
    assert place_commands(texts, moves) == texts


@pytest.mark.parametrize("text", ["dance", "slowly", "turn left", "4", "?"])
def test_what_this_model_does_not_know_is_refused_with_the_nearest_of_its_own(text):
    with pytest.raises(UnknownNameError, match=f"{re.escape(repr(text))} is near no command of"):
        place_commands(["stir", text], KITCHEN)


def test_the_nearest_actions_are_named_first_and_ready_to_be_copied():
    with pytest.raises(UnknownNameError, match="Nearest of its 6: 'pour the tea, slowly', "):
        place_commands(["the teapot"], KITCHEN)
    many = Vocabulary({f"press button {index}": KnownAction() for index in range(5000)})
    with pytest.raises(UnknownNameError, match="Nearest of its 5000: ") as caught:
        place_commands(["open the door"], many)
    assert len(str(caught.value)) < 300


def test_a_model_of_one_action_obeys_it():
    one = Vocabulary({"jump": KnownAction()})
    assert place_commands(["jump", "Jump!"], one) == ["jump", "Jump!"]
