import pytest

from twospeed.core.errors import DataError, UnknownNameError
from twospeed.generation.action_list import MOST_CHUNKS, parse_actions, quoted, read_actions


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("turn left", ["turn left"]),
        ("turn left*4, go forward", ["turn left"] * 4 + ["go forward"]),
        (" walk ahead * 2 ,go back ", ["walk ahead", "walk ahead", "go back"]),
    ],
)
def test_a_list_of_actions_is_one_action_a_chunk(text, actions):
    assert parse_actions(text) == actions


@pytest.mark.parametrize(
    "text",
    [
        "",
        "go back,",
        "*3",
        "go back*0",
        "go back*",
        "go back*²",
        "go back*x",
        "go back*-1",
        "go back*1.5",
    ],
)
def test_a_list_that_cannot_be_read_is_refused_with_an_example(text):
    with pytest.raises(UnknownNameError, match=r"write for example 'turn left\*4, go forward'"):
        parse_actions(text)


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("'pour the tea, slowly'*2, stir", ["pour the tea, slowly"] * 2 + ["stir"]),
        ('"press *"*3', ["press *"] * 3),
        ("stir , \"say 'yes', or 'no'\" * 2", ["stir"] + ["say 'yes', or 'no'"] * 2),
        ("open Tom's door, 'til dawn", ["open Tom's door", "'til dawn"]),
        ("'@home'", ["@home"]),
        ("öffne die Tür*2, お茶", ["öffne die Tür"] * 2 + ["お茶"]),
    ],
)
def test_quotes_keep_commas_and_stars(text, actions):
    assert parse_actions(text) == actions


@pytest.mark.parametrize("text", ['"pour the tea, stir', "''", "stir, ''*2", '"a" b'])
def test_quotes_that_cannot_be_read_are_refused(text):
    with pytest.raises(UnknownNameError, match="cannot read the action"):
        parse_actions(text)


def test_a_known_action_needs_no_quotes_where_nothing_else_can_be_meant():
    known = {"pour the tea, slowly", "stir", "press *", "wait", "stir, wait", 'it\'s here, "x"'}
    found = parse_actions("Pour the  tea, slowly*2, press **2, stir, wait", known)
    assert found == ["Pour the  tea, slowly"] * 2 + ["press *"] * 2 + ["stir", "wait"]
    assert parse_actions("'stir, wait'", known) == ["stir, wait"]


def test_an_action_in_quotes_is_read_back():
    for action in ("stir", "pour the tea, slowly", "press *", "it's here, now"):
        assert parse_actions(f"{quoted(action)}*2, stir") == [action] * 2 + ["stir"]


@pytest.mark.parametrize(
    "text", ["turn left*99999999999", "a*" + "9" * 5000, f"a*{MOST_CHUNKS}, b", "a*9999, b, c"]
)
def test_a_list_is_bounded_before_it_is_made(text):
    with pytest.raises(UnknownNameError, match="at most 10,000 actions"):
        parse_actions(text)


def test_a_file_has_one_action_a_line_as_it_stands(tmp_path):
    path = tmp_path / "plan.txt"
    path.write_text("\ufeffpour the tea, slowly\n\n  press *  \nstir*2\n", encoding="utf-8")
    assert read_actions(f"@{path}") == ["pour the tea, slowly", "press *", "stir*2"]


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    path = tmp_path / "plan.txt"
    path.write_text(" \n")
    with pytest.raises(DataError, match="holds no action"):
        read_actions(f"@{path}")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="it is no text"):
        read_actions(f"@{path}")
    for name in ("missing.txt", "."):
        with pytest.raises(DataError, match="cannot read actions from"):
            read_actions(f"@{tmp_path / name}")
    path.write_text("stir\n" * (MOST_CHUNKS + 1))
    with pytest.raises(UnknownNameError, match="at most"):
        read_actions(f"@{path}")
