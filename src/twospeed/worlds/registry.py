"""The table of worlds, and the one function that makes a world by its name."""

from collections.abc import Callable

from twospeed.core.errors import lookup
from twospeed.worlds.base import World
from twospeed.worlds.doom import Doom
from twospeed.worlds.rooms import Rooms

WORLDS: dict[str, Callable[..., World]] = {
    "rooms": Rooms,
    "doom": Doom,
}


def make_world(name: str, *, frame_size: int = 64) -> World:
    """Build the world called `name`; its frames are squares of `frame_size` pixels.

    Raises:
        UnknownNameError: when no world is called so.
        MissingExtraError: when its engine is not installed.
        ConfigError: when it cannot make frames of that size.
    """
    return lookup(WORLDS, name, "world")(frame_size=frame_size)
