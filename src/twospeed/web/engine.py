"""The generator: one thread that does the acts of all players, one after the other, in turn.

Fast weights hook into the denoiser while they act, so that nothing else may ask it meanwhile. An
act that fails ends in one message to its own page; the others go on.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from twospeed.core.errors import ConfigError, TwospeedError
from twospeed.web.player import Player
from twospeed.web.protocol import Message, json_of
from twospeed.web.stage import Act, Stage

T = TypeVar("T")

_LOG = logging.getLogger("twospeed.play")


class Engine:
    """Runs the acts of all players in a thread of its own, from `start` to `stop`.

    Args:
        stage: what they stand on.
        most_players: connections at once.
    """

    def __init__(self, stage: Stage, *, most_players: int) -> None:
        self.stage, self._most_players = stage, most_players
        self._players: deque[Player] = deque()
        self._calls: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="generator", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is under way, and end the thread."""
        with self._changed:
            self._is_over = True
            self._changed.notify()
        self._thread.join()

    @property
    def count(self) -> int:
        """Players now."""
        return len(self._players)

    def add(self, player: Player) -> None:
        """Take a player in.

        Raises:
            ConfigError: when there are too many.
        """
        with self._changed:
            if len(self._players) >= self._most_players:
                raise ConfigError(f"{self._most_players} walks are under way: come back later")
            self._players.append(player)

    def leave(self, player: Player) -> None:
        """Do nothing more for a player; its session stays, and `add` takes it in again."""
        with self._changed:
            player.is_gone = True
            player.stop()
            self._players.remove(player)

    def close(self, player: Player) -> None:
        """Give back what the session of a player who left holds."""

        def close() -> None:
            if player.session is not None:
                player.session.close()
                player.session = None

        self.call(close)

    def put(self, player: Player, message: Message) -> None:
        """Hand a message of a page to its player.

        Raises:
            TwospeedError: as `Player.put`.
        """
        with self._changed:
            player.put(message)
            self._changed.notify()

    def submit(self, player: Player, act: Act) -> None:
        """Hand in what came beside the messages, such as an upload.

        Raises:
            ConfigError: when too much waits already.
        """
        with self._changed:
            player.add(act)
            self._changed.notify()

    def call(self, work: Callable[[], T]) -> "Future[T]":
        """Do something between two acts, and give what it returns."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except Exception as error:
                future.set_exception(error)

        with self._changed:
            self._calls.append(run)
            self._changed.notify()
        return future

    def _run(self) -> None:
        while True:
            with self._changed:
                job = self._next()
                while job is None and not self._is_over:
                    self._changed.wait()
                    job = self._next()
            if job is None:
                return
            job()

    def _next(self) -> Callable[[], None] | None:
        """Return what is to be done: calls first, then the players in turn."""
        if self._calls:
            return self._calls.popleft()
        for _ in range(len(self._players)):
            player = self._players[0]
            self._players.rotate(-1)
            act = player.take()
            if act is not None:
                return lambda: self._perform(player, act)
        return None

    def _perform(self, player: Player, act: Act) -> None:
        try:
            self.stage.perform(player, act)
        except TwospeedError as error:
            self._refuse(player, str(error))
        except Exception as error:
            _LOG.exception("an act failed: %s", type(act).__name__)
            self._refuse(player, f"the model failed ({type(error).__name__}: {_line(error)})")

    def _refuse(self, player: Player, message: str) -> None:
        """Say why something was not done; the session stands as before it."""
        with self._changed:
            player.stop()
        player.send(json_of("error", message=" ".join(message.split())))
        if player.session is not None and not player.is_gone:
            self.stage.tell(player, "", pictures=True)


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else "it did not say why"
