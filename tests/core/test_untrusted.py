import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import pytest

from twospeed.core.errors import DataError
from twospeed.core.fields import Within
from twospeed.core.files import read_json
from twospeed.core.untrusted import parse_json, parsing, resuming, typed


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A note within a note."""

    width: Annotated[int, Within(1, 8)]


@dataclass(frozen=True, kw_only=True)
class Note:
    """One field of every kind."""

    count: int
    rate: float = 1.0
    name: str | None = None
    flag: bool = False
    pairs: tuple[tuple[float, float], ...] = ()
    inner: Inner | None = None
    named: Mapping[str, Inner] | None = None


def test_what_is_as_declared_becomes_it():
    values = {"count": 2, "rate": 3, "pairs": [[1, 2.5]], "named": {"a": {"width": 8}}}
    note = typed(Note, values, "n")
    assert note == Note(count=2, rate=3.0, pairs=((1.0, 2.5),), named={"a": Inner(width=8)})
    assert type(note.rate) is float
    assert typed(tuple[Inner, ...], [{"width": 1}], "n") == (Inner(width=1),)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], r"n: it takes settings of Note, got \[\]"),
        ({}, "n: count is not there, and Note needs it"),
        ({"count": 1, "cuont": 1}, "no setting in Note is called 'cuont'. Did you mean 'count'"),
        ({"count": "1"}, "n: count takes a whole number, got '1'"),
        ({"count": 10**30}, "count must be a number of at most 64 bits"),
        ({"count": 1.0}, "count takes a whole number"),
        ({"count": True}, "count takes a whole number"),
        ({"count": None}, "count takes a whole number"),
        ({"count": 1, "rate": "3"}, "rate takes a number"),
        ({"count": 1, "rate": float("nan")}, "rate must be a finite number"),
        ({"count": 1, "rate": float("inf")}, "rate must be a finite number"),
        ({"count": 1, "flag": 0}, "flag takes true or false"),
        ({"count": 1, "name": ["x"]}, "name takes a text or null"),
        ({"count": 1, "pairs": 5}, "pairs takes a list"),
        ({"count": 1, "pairs": [[1]]}, "pairs takes a list"),
        ({"count": 1, "pairs": {"0": [1, 2]}}, "pairs takes a list"),
        ({"count": 1, "inner": 5}, "inner takes settings of Inner or null"),
        ({"count": 1, "inner": {"width": 9}}, "inner.width must be 8 or less, got 9"),
        ({"count": 1, "named": [1]}, "named takes an object or null"),
        ({"count": 1, "named": {"a": {}}}, "named.a.width is not there"),
    ],
)
def test_what_is_not_is_one_line_that_names_it(values, message):
    with pytest.raises(DataError, match=message):
        typed(Note, values, "n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("{", "cannot read n as JSON"),
        ('{"a": 1} x', "Extra data"),
        (b"\xff", "cannot read n as JSON: 'utf-8'"),
        ("[" * 100_000, "nested deeper than 64"),
        ("[" * 65 + "]" * 65, "nested deeper than 64"),
        ('{"a":' * 70 + "1" + "}" * 70, "nested deeper than 64"),
        ("9" * 6000, "a whole number of 6,000 digits"),
        ('{"a": [-%s]}' % ("9" * 41), "a whole number of 42 digits"),
        (json.dumps({"a" * 2000: 1}), "a name of 2,000 letters"),
        (r'["\ud800"]', "half a letter"),
        (r'{"\udfff": 1}', "half a letter"),
    ],
)
def test_json_out_of_bounds_is_one_line(text, message):
    with pytest.raises(DataError, match=message) as caught:
        parse_json(text, "n")
    assert len(str(caught.value).splitlines()) == 1


def test_json_within_bounds_is_read():
    text = "[" * 64 + f"{10**30}, {-(2**63)}, 1e999, NaN" + "]" * 64
    value = parse_json(text, "n")
    for _ in range(64):
        value, *rest = value
    assert (value, rest[0]) == (10**30, -(2**63))
    assert parse_json(b"\xef\xbb\xbf{}", "n") == {}


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(DataError, match="no such file"):
        read_json(tmp_path / "a.json")


def test_whatever_a_parser_raises_is_one_line():
    for error in (KeyError("x"), RecursionError(), MemoryError(), ValueError("a\nb")):
        with pytest.raises(DataError, match=r"^cannot read the thing"), parsing("the thing"):
            raise error
    with pytest.raises(DataError, match=r"^as it was$"), parsing("the thing"):
        raise DataError("as it was")


def test_a_pipe_in_what_an_earlier_run_left_is_named_before_anything_is_opened(tmp_path):
    os.mkfifo(tmp_path / "config.json")
    message = r"config\.json is no ordinary file; remove it"
    with pytest.raises(DataError, match=message), resuming(tmp_path):
        raise AssertionError
