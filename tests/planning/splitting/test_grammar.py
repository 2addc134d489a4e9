import pytest

from twospeed.core.errors import KindError, UnknownNameError
from twospeed.planning.splitting.base import COMMAND, HOME, PUT_BACK, REMEMBERED, WAY_BACK
from twospeed.planning.splitting.grammar import GrammarSplitter
from twospeed.worlds.language import MOVES
from twospeed.worlds.words.arm import ARM


def split(task, actions=MOVES):
    return GrammarSplitter().split(task, actions)


@pytest.mark.parametrize(
    "task",
    [
        "go back the way you came",
        "Go back the same way.",
        "retrace your steps",
        "walk back the way that you came",
        "find the way back",
        "please take the same way back",
    ],
)
def test_the_way_back_has_many_sayings(task):
    goals = split(task)
    assert [goal.kind for goal in goals] == [WAY_BACK]
    assert goals[0].text == REMEMBERED[WAY_BACK]


@pytest.mark.parametrize(
    "task", ["go back to where you started", "return home", "go home", "find your way home"]
)
def test_home_has_many_sayings(task):
    assert [goal.kind for goal in split(task)] == [HOME]


@pytest.mark.parametrize(
    ("task", "thing"),
    [
        ("put the block back where it was", "block"),
        ("put the red block back", "red block"),
        ("put it back where it was before", None),
        ("return the block to its old place", "block"),
    ],
)
def test_a_thing_is_put_back(task, thing):
    (goal,) = split(task, ARM)
    assert (goal.kind, goal.thing) == (PUT_BACK, thing)


def test_a_long_task_is_split_in_its_order():
    goals = split("pick up the block, carry it left, then put it back where it was", ARM)
    assert [goal.text for goal in goals] == [
        "lower the gripper",
        "close the gripper",
        "raise the gripper",
        "move the gripper left",
        REMEMBERED[PUT_BACK],
    ]


def test_commands_keep_their_grades_and_repeats():
    goals = split("go forward twice, then turn left, then go home")
    assert [goal.text for goal in goals[:3]] == ["go forward", "go forward", "turn left"]
    assert [goal.kind for goal in goals] == [COMMAND] * 3 + [HOME]


@pytest.mark.parametrize(
    ("task", "part"),
    [("make me a sandwich", "make me a sandwich"), ("", "empty"), ("...", "empty")],
)
def test_what_it_does_not_understand_is_named(task, part):
    with pytest.raises(UnknownNameError, match=part):
        split(task)


def test_a_task_is_a_text_of_some_length():
    with pytest.raises(KindError):
        split(3)
    with pytest.raises(UnknownNameError, match="1000 letters"):
        split("go forward, " * 500)
