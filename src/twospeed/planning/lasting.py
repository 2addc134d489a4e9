"""A world whose engine may die: it is made anew, and what it was doing is tried once more."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from twospeed.core.errors import DataError, TwospeedError
from twospeed.worlds.base import World

T = TypeVar("T")
_log = logging.getLogger(__name__)


class LastingWorld:
    """Holds a world, and makes another one where its engine fails.

    Args:
        make: makes the world.
    """

    def __init__(self, make: Callable[[], World]) -> None:
        self._make = make
        self._world = make()

    def attempt(self, do: Callable[[World], T]) -> T:
        """Return what is done in the world; where that fails, in a new one.

        Args:
            do: takes the world, whatever state it is in.

        Raises:
            TwospeedError: at once, when a user's mistake is what fails.
            Exception: whatever fails twice, or an engine that starts no more.
        """
        try:
            return do(self._world)
        except Exception as error:
            if is_mistake(error):
                raise
            _log.warning("%s; it is tried again", reason_of(error))
        self._renew()
        try:
            return do(self._world)
        except Exception:
            self._renew()
            raise

    def close(self) -> None:
        """Give back what the world holds; an engine that is dead already is left."""
        with suppress(Exception):
            self._world.close()

    def _renew(self) -> None:
        self.close()
        self._world = self._make()


def is_mistake(error: Exception) -> bool:
    """Say whether a user can mend it, as no engine that has died is."""
    return isinstance(error, TwospeedError) and not isinstance(error, DataError)


def reason_of(error: Exception) -> str:
    """Return one line on what failed."""
    told = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {told}" if told else type(error).__name__
