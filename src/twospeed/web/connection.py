"""One WebSocket connection: messages in to the engine, frames out as fast as they are taken."""

import asyncio
from collections import deque

from starlette.websockets import WebSocket, WebSocketDisconnect

from twospeed.core.errors import DataError, TwospeedError
from twospeed.web.engine import Engine
from twospeed.web.player import Player
from twospeed.web.protocol import json_of, read_message

IDLE_SECONDS = 1800.0
"""Without a message, after which a connection is closed."""

MOST_RUBBISH = 32
"""Messages that cannot be read, after which a connection is closed."""

MOST_OUT = 256
"""Messages that wait to be taken, after which a connection is closed."""

POLICY, TRY_LATER = 1008, 1013
"""Reasons of a close, by RFC 6455."""

LEFT = frozenset({1000, 1001})
"""Reasons of a page that leaves of itself."""


class Outbox:
    """Messages on their way out; `put` may be called from any thread.

    Args:
        loop: of the connection.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[str | bytes] = deque()
        self._changed = asyncio.Event()
        self.is_over = False
        """Too much waits: the page takes nothing."""

    def put(self, message: str | bytes) -> None:
        """Hand in a message; nothing happens when the connection is gone."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._add, message)

    async def send_all(self, socket: WebSocket) -> None:
        """Send what comes, until too much waits."""
        while not self.is_over:
            while self._waiting:
                message = self._waiting.popleft()
                if isinstance(message, bytes):
                    await socket.send_bytes(message)
                else:
                    await socket.send_text(message)
            self._changed.clear()
            await self._changed.wait()

    def _add(self, message: str | bytes) -> None:
        self.is_over = self.is_over or len(self._waiting) >= MOST_OUT
        if self.is_over:
            self._waiting.clear()
        else:
            self._waiting.append(message)
        self._changed.set()


async def serve_page(socket: WebSocket, engine: Engine, player: Player, outbox: Outbox) -> bool:
    """Carry messages both ways until either side ends; then close.

    Returns:
        Whether the connection broke, rather than that either side closed it.

    Args:
        socket: accepted.
        engine: does the acts; the player is one of its own.
        player: of this connection.
        outbox: of this connection.
    """
    tasks = [
        asyncio.create_task(_receive_all(socket, engine, player)),
        asyncio.create_task(outbox.send_all(socket)),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    failed = [it.exception() for it in done]
    if any(isinstance(it, WebSocketDisconnect | RuntimeError | OSError) for it in failed):
        return not any(isinstance(it, WebSocketDisconnect) and it.code in LEFT for it in failed)
    for error in failed:
        if error is not None:
            raise error
    await _close(socket, POLICY)
    return False


async def refuse(socket: WebSocket, message: str) -> None:
    """Say why a connection is not taken, and close it."""
    await socket.send_text(json_of("error", message=message))
    await _close(socket, TRY_LATER)


async def _receive_all(socket: WebSocket, engine: Engine, player: Player) -> None:
    """Take messages until there was nothing, or nothing but rubbish, for too long."""
    rubbish = 0
    while rubbish < MOST_RUBBISH:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                said = await socket.receive()
        except TimeoutError:
            player.send(json_of("error", message="nothing was done for long: reload the page"))
            return
        if said["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(said.get("code", 1000))
        try:
            engine.put(player, read_message(_text_of(said)))
        except TwospeedError as error:
            rubbish += isinstance(error, DataError)
            player.send(json_of("error", message=" ".join(str(error).split())))


def _text_of(said: object) -> str:
    text = said.get("text") if isinstance(said, dict) else None
    if not isinstance(text, str):
        raise DataError("a message to the server is JSON in a text message, not bytes")
    return text


async def _close(socket: WebSocket, code: int) -> None:
    try:
        await socket.close(code)
    except RuntimeError:  # the other side was quicker
        return
