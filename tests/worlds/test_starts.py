"""Episodes as they are written."""

import pytest

from twospeed.core.errors import DataError, UnknownNameError
from twospeed.worlds.starts import episode_of, names_episode


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("rooms:7", True),
        ("memory_maze:850000", True),
        ("rooms:x", True),
        ("rooms", True),
        ("nowhere:7", True),
        ("picture.png", False),
        ("C:/videos/a.mp4", False),
        ("https://host/a.png", False),
    ],
)
def test_an_episode_is_told_from_the_place_of_a_file(text, is_one):
    assert names_episode(text) is is_one


def test_world_and_seed_are_read():
    assert episode_of("memory_maze:0850000") == ("memory_maze", 850_000)
    assert episode_of("rooms:999999999") == ("rooms", 999_999_999)


@pytest.mark.parametrize("text", ["rooms", "rooms:", "rooms:x", "rooms:-1", "rooms:1000000000"])
def test_another_writing_is_refused_with_what_it_was(text):
    with pytest.raises(DataError, match=f"write WORLD:SEED.*rooms:7, got '{text}'"):
        episode_of(text)


def test_an_unknown_world_is_named():
    with pytest.raises(UnknownNameError, match="nowhere"):
        episode_of("nowhere:7")
