"""Where something begins in a world: episodes as they are written, ``WORLD:SEED``."""

import re

from twospeed.core.errors import DataError, lookup
from twospeed.worlds.registry import WORLDS

_WRITTEN = re.compile(r"(?P<world>[a-z_]+):(?P<seed>[0-9]{1,9})")


def names_episode(text: str) -> bool:
    """Say whether a text is meant as the episode of a world, not as the place of a file."""
    return text.partition(":")[0] in WORLDS or _WRITTEN.fullmatch(text) is not None


def episode_of(text: str) -> tuple[str, int]:
    """Return the world and the seed of the episode that ``WORLD:SEED`` names.

    Raises:
        DataError: when it is written otherwise.
        UnknownNameError: when no world is called so.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise DataError(
            "write WORLD:SEED with a number of up to nine digits, such as rooms:7, got"
            f" {text[:40]!r}; worlds: {', '.join(sorted(WORLDS))}"
        )
    lookup(WORLDS, found["world"], "world")
    return found["world"], int(found["seed"])
