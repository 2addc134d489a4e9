"""The walks of a server by their keys, and those that wait for a connection that broke.

All of it happens in the event loop of the server.
"""

import asyncio
import secrets

from twospeed.core.errors import UnknownNameError
from twospeed.web.engine import Engine
from twospeed.web.player import Player, Send

KEPT_SECONDS = 120.0
"""How long a walk waits for its page after the connection broke."""

MOST_KEPT = 8
"""Walks that wait at once; of more, the one that waits longest is given up."""


class Walks:
    """Players by the keys that only their own pages know.

    Args:
        engine: does their acts.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._players: dict[str, Player] = {}
        self._waiting: dict[str, asyncio.TimerHandle] = {}

    def player(self, key: str) -> Player:
        """Return the player of a key.

        Raises:
            UnknownNameError: when there is none, or no longer.
        """
        if key not in self._players:
            raise UnknownNameError("this walk is no longer there: reload the page")
        return self._players[key]

    def enter(self, key: str, send: Send) -> tuple[str, bool]:
        """Take a page in; return its key, and whether it goes on with the walk that it asked for.

        Args:
            key: of the walk to go on with; a new walk is begun where there is no such walk.
            send: takes messages to the page.

        Raises:
            ConfigError: when there are too many pages.
        """
        player = self._players.get(key)
        if player is None:
            player, key = Player(send=send), secrets.token_urlsafe(16)
            self._engine.add(player)
            self._players[key] = player
            return key, False
        if key in self._waiting:
            self._engine.add(player)
            self._waiting.pop(key).cancel()
        player.come_back(send)
        return key, True

    def leave(self, key: str, send: Send, *, is_kept: bool) -> None:
        """Let a page go, unless its walk has already gone over to another connection.

        Args:
            key: of its walk.
            send: as it was taken in.
            is_kept: the walk waits for the page, `KEPT_SECONDS` long.
        """
        player = self._players.get(key)
        if player is None or player.send != send:
            return
        self._engine.leave(player)
        loop = asyncio.get_running_loop()
        self._waiting[key] = loop.call_later(KEPT_SECONDS if is_kept else 0, self._give_up, key)
        if len(self._waiting) > MOST_KEPT:
            self._give_up(next(iter(self._waiting)))

    def close(self) -> None:
        """Give up all walks that wait."""
        for key in tuple(self._waiting):
            self._give_up(key)

    def _give_up(self, key: str) -> None:
        self._waiting.pop(key).cancel()
        self._engine.close(self._players.pop(key))
