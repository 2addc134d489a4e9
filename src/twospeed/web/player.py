"""One connected page: what it asked for and was not done yet, and what it was not shown yet.

The receiver puts messages in, the generator takes work out, from two threads; the lock is the
engine's. Of commands only the newest is kept. Frames that the page has not acknowledged bound what
is generated for it, so that a slow page costs nothing.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from twospeed.core.errors import ConfigError
from twospeed.web.protocol import Ack, Message, Release, Replay, Say
from twospeed.web.recording import Recording, read_replay
from twospeed.web.session import Session

MOST_UNSEEN = 8
"""Frames sent and not acknowledged, from which on no chunk is begun."""

MOST_WAITING = 16
"""Acts beside commands that wait."""

Send = Callable[[str | bytes], None]
"""Hands a message to the page, from any thread, at once."""


@dataclass(kw_only=True, eq=False)
class Player:
    """One connected page."""

    send: Send
    session: Session | None = None
    recording: Recording | None = None
    last_sent: int = 0
    """Number of the last frame that was sent."""

    def __post_init__(self) -> None:
        self._held: Say | None = None
        self._once: Say | None = None
        self._script: deque[Say] = deque()
        self._acts: deque[Any] = deque()
        self._seen = 0
        self.is_gone = False

    def put(self, message: Message) -> None:
        """Take a message of the page.

        Raises:
            ConfigError: when too much waits already.
            UnknownNameError: when it is a replay that cannot be read.
        """
        match message:
            case Ack(frame=frame):
                self._seen = max(self._seen, min(frame, self.last_sent))
            case Release():
                self._release()
            case Say():
                self._script.clear()
                self._held, self._once = (message, None) if message.hold else (None, message)
            case Replay(actions=actions):
                says = [Say(text=text, look=is_seen) for text, is_seen in read_replay(actions)]
                self._release()
                self._script = deque(says)
            case _:
                self.add(message)

    def add(self, act: Any) -> None:
        """Take an act that is done before any other command.

        Raises:
            ConfigError: when too much waits already.
        """
        if len(self._acts) >= MOST_WAITING:
            raise ConfigError(f"{MOST_WAITING} acts wait already: let them be done first")
        self._release()
        self._acts.append(act)

    def take(self) -> Any:
        """Return what is to be done next, or None."""
        if self.is_gone:
            return None
        if self._acts:
            return self._acts.popleft()
        if self.last_sent - self._seen >= MOST_UNSEEN:
            return None
        return self._next_command()

    def come_back(self, send: Send) -> None:
        """Go on over another connection, which has nothing left to acknowledge."""
        self.send, self.is_gone, self._seen = send, False, self.last_sent

    def stop(self) -> None:
        """Do nothing more of what is held or replayed, such as after an error."""
        self._held = self._once = None
        self._script.clear()

    def _next_command(self) -> Say | None:
        if self._once is not None:
            say, self._once = self._once, None
            return say
        if self._script:
            return self._script.popleft()
        if self._held is None:
            return None
        say = self._held
        self._held = replace(say, at=0.0)  # it came back with its first chunk
        return say

    def _release(self) -> None:
        held = self._held
        if held is not None and held.at:  # a tap: it was pressed and let go before it was begun
            self._once = held
        self._held = None
        self._script.clear()
