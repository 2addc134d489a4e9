"""The server: the page and its files, one WebSocket a page, uploads and downloads.

GET  /                    the page
GET  /healthz             {"status": "ok", ...}, also without a token
GET  /static/FILE         its parts
WS   /ws?resume=          the protocol (protocol.py); the key of a walk to go on with
POST /observe?key=&text=  a picture or a video: the memory learns it
POST /memory?key=         a memory file: it takes the place of the session's own
GET  /memory?key=         the session's memory as a file
GET  /actions?key=        its actions, one a line
GET  /recordings/NAME     a video that was recorded
"""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from twospeed.core.errors import ConfigError, TwospeedError
from twospeed.memory.files import WEIGHTS, save_memory
from twospeed.memory.memory_file import memory_of
from twospeed.web.connection import Outbox, refuse, serve_page
from twospeed.web.engine import Engine
from twospeed.web.guard import Guard
from twospeed.web.messages import hello_message
from twospeed.web.player import Player
from twospeed.web.protocol import VERSION, Begin
from twospeed.web.recording import action_lines, replay_of
from twospeed.web.stage import Observe, PutMemory, Stage, session_of
from twospeed.web.uploads import chunks_in, memory_in, read_body
from twospeed.web.walks import Walks

STATIC = Path(__file__).parent / "static"
"""The page."""

MOST_PLAYERS = 32
"""Connections at once."""

BACK = "the connection is back: the walk goes on"
"""What a page is told that goes on with its walk."""

_RECORDING = re.compile(r"walk-[0-9a-f]{12}\.mp4")

Answer = Callable[[Request], Awaitable[Response]]


def app_of(
    stage: Stage, *, host: str, token: str | None = None, most_players: int = MOST_PLAYERS
) -> ASGIApp:
    """Return the server as an ASGI application.

    Args:
        stage: what its sessions stand on.
        host: the address that is listened on.
        token: what others than this machine's user must know; None on loopback alone.
        most_players: connections at once.
    """
    return Guard(_Server(stage, most_players).app, host=host, token=token)


class _Server:
    """The answers to all requests."""

    def __init__(self, stage: Stage, most_players: int) -> None:
        self.stage = stage
        self.engine = Engine(stage, most_players=most_players)
        self.walks = Walks(self.engine)
        self._reading = asyncio.Semaphore(1)
        self.app = Starlette(
            routes=[
                Route("/", self.page),
                Route("/healthz", self.health),
                WebSocketRoute("/ws", self.play),
                Route("/observe", _told(self.observe), methods=["POST"]),
                Route("/memory", _told(self.put_memory), methods=["POST"]),
                Route("/memory", _told(self.get_memory)),
                Route("/actions", _told(self.actions)),
                Route("/replay", _told(self.replay)),
                Route("/recordings/{name}", _told(self.recording)),
                Mount("/static", StaticFiles(directory=STATIC)),
            ],
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:  # noqa: ARG002
        self.engine.start()
        yield
        self.walks.close()
        await run_in_threadpool(self.engine.stop)

    async def page(self, request: Request) -> Response:  # noqa: ARG002
        """Return the page."""
        return FileResponse(STATIC / "index.html")

    async def health(self, request: Request) -> Response:  # noqa: ARG002
        """Say that the server is there."""
        return JSONResponse({"status": "ok", "protocol": VERSION, "players": self.engine.count})

    async def play(self, socket: WebSocket) -> None:
        """Serve one page until it goes."""
        await socket.accept()
        outbox = Outbox(asyncio.get_running_loop())
        asked = socket.query_params.get("resume", "")
        try:
            key, is_resumed = self.walks.enter(asked, outbox.put)
        except ConfigError as error:
            await refuse(socket, str(error))
            return
        is_broken = False
        try:
            self._welcome(key, is_resumed=is_resumed)
            player = self.walks.player(key)
            is_broken = await serve_page(socket, self.engine, player, outbox)
        finally:
            self.walks.leave(key, outbox.put, is_kept=is_broken)

    def _welcome(self, key: str, *, is_resumed: bool) -> None:
        """Tell a page all there is, and begin a walk unless it goes on with one."""
        stage, player = self.stage, self.walks.player(key)
        actions, saves = stage.words.actions, stage.saves()
        player.send(hello_message(stage.model, actions, saves, key, resumed=is_resumed))
        if is_resumed:
            self.engine.call(lambda: stage.tell_all(player, BACK))
        else:
            self.engine.submit(player, Begin())

    async def observe(self, request: Request) -> Response:
        """Take a picture or a video."""
        player = self._player_of(request)
        text = request.query_params.get("text") or self.stage.words.actions[0]
        self.stage.words.meant(text)
        content = await read_body(request)
        async with self._reading:
            stage = self.stage
            chunks = await run_in_threadpool(chunks_in, content, stage.model, stage.folder)
        self.engine.submit(player, Observe(chunks=chunks, text=text))
        return JSONResponse({"chunks": len(chunks)}, status_code=202)

    async def put_memory(self, request: Request) -> Response:
        """Take a memory file."""
        player, content = self._player_of(request), await read_body(request)
        async with self._reading:
            stage = self.stage
            file = await run_in_threadpool(memory_in, content, stage.model, stage.folder)
        self.engine.submit(player, PutMemory(file=file))
        return JSONResponse({"writes": len(file.records)}, status_code=202)

    async def get_memory(self, request: Request) -> Response:
        """Give the session's memory as a file."""
        player = self._player_of(request)
        content = await asyncio.wrap_future(self.engine.call(lambda: _memory_bytes(player)))
        return _file(content, "memory.safetensors", "application/octet-stream")

    async def actions(self, request: Request) -> Response:
        """Give the session's actions, one a line."""
        player = self._player_of(request)
        lines = await asyncio.wrap_future(
            self.engine.call(lambda: action_lines(session_of(player).actions))
        )
        return _file("\n".join([*lines, ""]).encode(), "actions.txt", "text/plain; charset=utf-8")

    async def replay(self, request: Request) -> Response:
        """Give what begins this walk again: where, the seed, and all actions as a list."""
        player = self._player_of(request)
        said = await asyncio.wrap_future(self.engine.call(lambda: _replay(player)))
        return JSONResponse(said)

    async def recording(self, request: Request) -> Response:
        """Give a video that was recorded."""
        name = request.path_params["name"]
        place = self.stage.folder / "recordings" / name
        if not _RECORDING.fullmatch(name) or not place.is_file():
            return PlainTextResponse("no such recording\n", status_code=404)
        return FileResponse(place, media_type="video/mp4")

    def _player_of(self, request: Request) -> Player:
        return self.walks.player(request.query_params.get("key", ""))


def _told(answer: Answer) -> Answer:
    """Let mistakes of the user's end in one line."""

    async def told(request: Request) -> Response:
        try:
            return await answer(request)
        except TwospeedError as error:
            line = " ".join(str(error).split())
            status = 413 if "megabytes, which is the most" in line else 400
            return JSONResponse({"error": line}, status_code=status)

    return told


def _file(content: bytes, name: str, kind: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=headers)


def _replay(player: Player) -> dict[str, str]:
    session = session_of(player)
    return {
        "first": session.start.label,
        "seed": str(session.seed),
        "memory": "true" if session.memory else "false",
        "actions": replay_of(session.actions),
    }


def _memory_bytes(player: Player) -> bytes:
    memory = session_of(player).memory
    if memory is None:
        raise ConfigError("this session has no memory")
    with tempfile.TemporaryDirectory() as folder:
        save_memory(memory_of(memory), Path(folder) / "memory")
        return (Path(folder) / "memory" / WEIGHTS).read_bytes()
