"""A page without a browser: plays over the WebSocket and times what it gets.

It is as light as a program of its own has to be to start at once: no network is loaded here.
"""

import io
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image
from websockets.sync.client import ClientConnection, connect

from twospeed.core.errors import ConfigError
from twospeed.web.protocol import unpack

WARM_UP = 2
"""Chunks before the clock runs."""

PAUSE = 0.3
"""Seconds of rest before a key whose picture is timed."""


def timed(port: int, actions: Sequence[str], seconds: float) -> dict[str, Any]:
    """Play for about so many seconds, half of them with a key held, half with single keys.

    Args:
        port: of a server on loopback.
        actions: what is said, one after the other.
        seconds: of both halves.

    Returns:
        Frames a second of all panes at once, milliseconds from key to picture (median and all) and
        of the parts, what was played.

    Raises:
        ConfigError: when the server sends an error.
    """
    with connect(f"ws://127.0.0.1:{port}/ws", max_size=None) as socket:
        player = _Player(socket, actions)
        player.chunks(WARM_UP)
        held = player.hold(seconds / 2)
        keys = list(player.keys(seconds / 2))
    return {**held, "key_to_picture_ms": {"median": statistics.median(keys), "all": keys}}


class _Player:
    """Plays as the page does, and acknowledges every frame at once."""

    def __init__(self, socket: ClientConnection, actions: Sequence[str]) -> None:
        self._socket, self._actions = socket, actions
        self._said = 0
        while self._next()[0]["type"] != "state":
            pass

    def chunks(self, count: int) -> None:
        """Do some commands and wait for them."""
        for _ in range(count):
            self._say(hold=False)
            self._until_done()

    def hold(self, seconds: float) -> dict[str, Any]:
        """Hold a key for so long and return the frames a second and where the time went."""
        spent: dict[str, list[float]] = {}
        started, frames, panes = time.perf_counter(), 0, list[str]()
        self._say(hold=True)
        while time.perf_counter() - started < seconds:
            header, _ = self._next()
            for name, value in header.get("ms", {}).items():
                spent.setdefault(name, []).append(value)
            if header["type"] == "frame":
                frames, panes = frames + 1, [it["pane"] for it in header["pictures"]]
        elapsed = time.perf_counter() - started
        self._send("release")
        return {
            "frames_per_second": frames / elapsed,
            "frames": frames,
            "seconds": elapsed,
            "ms": {name: statistics.median(values) for name, values in spent.items()},
            "panes": panes,
        }

    def keys(self, seconds: float) -> Iterator[float]:
        """Press single keys at rest for so long; yield milliseconds to each picture."""
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            self._rest()
            pressed = self._say(hold=False)
            while self._next()[0].get("at") != pressed:
                pass
            yield time.perf_counter() * 1000 - pressed
            self._until_done()

    def _rest(self) -> None:
        """Take what still comes, until nothing came for a while."""
        try:
            while True:
                self._next(timeout=PAUSE)
        except TimeoutError:
            return

    def _until_done(self) -> None:
        while self._next()[0]["type"] != "done":
            pass

    def _say(self, *, hold: bool) -> float:
        text = self._actions[self._said % len(self._actions)]
        self._said += 1
        at = time.perf_counter() * 1000
        self._send("say", text=text, at=at, hold=hold)
        return at

    def _send(self, kind: str, **values: Any) -> None:
        self._socket.send(json.dumps({"type": kind, **values}))

    def _next(self, timeout: float | None = None) -> tuple[dict[str, Any], list[bytes]]:
        message = self._socket.recv(timeout=timeout)
        if isinstance(message, str):
            header: dict[str, Any] = json.loads(message)
            if header["type"] == "error":
                raise ConfigError(f"the server says: {header['message']}")
            return header, []
        header, pictures = unpack(message)
        if header["type"] == "frame":
            for picture in pictures:
                Image.open(io.BytesIO(picture)).load()
            self._send("ack", frame=header["frame"])
        return header, pictures
