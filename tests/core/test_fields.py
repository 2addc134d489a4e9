from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import pytest

from twospeed.core.errors import ConfigError
from twospeed.core.fields import check_fields, checked, shown
from twospeed.core.ranges import Above, Seed, Share, Within


@dataclass(frozen=True, kw_only=True, slots=True)
class Inner:
    """Settings within settings."""

    width: Annotated[int, Within(1, 100)] = 3

    def __post_init__(self):
        check_fields(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outer:
    """One field of every kind that is checked."""

    count: Annotated[int, Within(1, 10)] = 3
    share: Share = 0.5
    rate: Annotated[float, Above(0, 10)] = 1.0
    pair: tuple[float, float] | None = None
    widths: tuple[Annotated[int, Within(1, 99)], ...] = (1,)
    nested: tuple[tuple[int, int], ...] = ()
    name: str = "x"
    flag: bool = True
    options: Mapping[str, int | str] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self):
        check_fields(self)


def test_whole_numbers_lists_and_numpys_scalars_become_what_is_declared():
    made = Outer(count=np.int64(4), share=1, rate=np.float32(2), pair=[1, 2], nested=[[1, 2]])
    assert made == Outer(count=4, share=1.0, rate=2.0, pair=(1.0, 2.0), nested=((1, 2),))
    kinds = [type(it) for it in (made.count, made.share, made.rate, made.pair, made.nested[0])]
    assert kinds == [int, float, float, tuple, tuple]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("count", 0, "count must be 1 or more, got 0"),
        ("count", 11, "count must be 10 or less, got 11"),
        pytest.param("count", 10**6000, "10 or less, got a number of thousands", id="digits"),
        ("count", True, "count takes a whole number, got True"),
        ("count", 1.5, "count takes a whole number, got 1.5"),
        ("count", "3", "count takes a whole number, got '3'"),
        ("count", None, "count takes a whole number, got None"),
        ("share", float("nan"), "share must be a finite number, got nan"),
        ("share", float("inf"), "share must be a finite number, got inf"),
        ("share", 10**400, "share takes a number, got 1000"),
        ("share", -0.1, "share is a share from 0 to 1, got -0.1"),
        ("rate", 0, "rate must be above 0, got 0.0"),
        ("pair", (1,), r"pair takes a list of numbers or null, got \(1,\)"),
        ("pair", (1, float("nan")), "pair must be a finite number"),
        ("widths", (2, 0), "widths must be 1 or more, got 0"),
        ("widths", 3, "widths takes a list of whole numbers, got 3"),
        ("nested", ((1,),), "nested takes a list of whole numbers"),
        ("name", None, "name takes a text, got None"),
        ("name", b"x", "name takes a text"),
        ("options", [1], r"options takes an object, got \[1\]"),
        ("options", {1: 2}, "options takes an object"),
        ("options", {"a": None}, r"options\.a takes a whole number or a text, got None"),
        ("flag", 1, "flag takes true or false, got 1"),
        ("inner", None, "inner takes settings of Inner, got None"),
        ("inner", {"width": 3}, "inner takes settings of Inner"),
    ],
)
def test_what_does_not_fit_is_named_with_what_would_do(name, value, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Outer(**{name: value})
    assert len(str(caught.value)) < 200


def test_values_are_shown_in_a_few_characters():
    assert len(shown("x" * 10_000)) < 70
    assert len(shown([[1] * 1000] * 1000)) < 200
    assert shown(10**6000) == "a number of thousands of digits"


def test_an_argument_is_held_to_its_type_as_a_field_is():
    assert checked(np.int64(3), Seed, "seed") == 3
    for value in (-1, 2**63, 1.5, None, "7"):
        with pytest.raises(ConfigError, match=r"seed (must|takes)"):
            checked(value, Seed, "seed")
