"""Run the server: bind, say where it is, open the browser, serve until it is stopped."""

import secrets
import socket
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread
from time import monotonic, sleep

import torch
import uvicorn

from twospeed.core.capacity import num_cores
from twospeed.core.errors import ConfigError
from twospeed.web.guard import is_loopback
from twospeed.web.protocol import LONGEST_MESSAGE
from twospeed.web.server import app_of
from twospeed.web.stage import Stage
from twospeed.worldmodel.model import WorldModel

LOOPBACK = "127.0.0.1"
"""Where it listens unless told otherwise."""

_START_SECONDS = 30.0


def serve(
    stage: Stage, *, host: str, port: int, open_browser: bool, say: Callable[[str], None]
) -> None:
    """Serve until it is stopped.

    Args:
        stage: what the sessions stand on.
        host: address to listen on; anything but loopback gets a token.
        port: 0 takes one that is free.
        open_browser: also show the page.
        say: gets the address.

    Raises:
        ConfigError: when the address or the port cannot be had.
    """

    def show(address: str) -> None:
        say(address)
        if open_browser:
            webbrowser.open(address)

    with _core_left_free(stage.model):
        run_until_stopped(partial(_server, stage, host), host=host, port=port, say=show)


def run_until_stopped(
    make: Callable[[str | None], uvicorn.Server],
    *,
    host: str,
    port: int,
    say: Callable[[str], None],
) -> None:
    """Bind, say the address, and serve until it is stopped.

    Args:
        make: of a token, which is None on loopback alone.
        host: address to listen on.
        port: 0 takes one that is free.
        say: gets the address.

    Raises:
        ConfigError: when the address or the port cannot be had.
    """
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    with bound(host, port) as listening:
        say(address_of(listening, token))
        make(token).run(sockets=[listening])


@contextmanager
def served(stage: Stage) -> Iterator[int]:
    """Serve on a free port of loopback while the block runs; gives the port.

    Raises:
        ConfigError: when the server does not start.
    """
    with (
        _core_left_free(stage.model),
        bound(LOOPBACK, 0) as listening,
        running(_server(stage, LOOPBACK, None), listening),
    ):
        yield listening.getsockname()[1]


@contextmanager
def _core_left_free(model: WorldModel) -> Iterator[None]:
    """Let the model compute on all cores but one, which is left to the server and the browser.

    Where they share all cores, the threads of one layer wait for each other at every layer. With
    a renderer, the panes with memory and without have half of these cores each.
    """
    before, halves = torch.get_num_threads(), 1 if model.renderer is None else 2
    torch.set_num_threads(max(1, min(before, (num_cores() - 1) // halves)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def running(server: uvicorn.Server, listening: socket.socket) -> Iterator[None]:
    """Run a server in a thread of its own while the block runs.

    Raises:
        ConfigError: when it does not start.
    """
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        _wait_for(server)
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address.

    Raises:
        ConfigError: when it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigError(f"cannot listen on {host}, port {port}: {reason}") from error
        listening.listen(64)
        yield listening
    finally:
        listening.close()


def address_of(listening: socket.socket, token: str | None) -> str:
    """Return what is typed into a browser."""
    host, port = listening.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def _server(stage: Stage, host: str, token: str | None) -> uvicorn.Server:
    config = uvicorn.Config(
        app_of(stage, host=host, token=token),
        lifespan="on",
        ws="websockets-sansio",
        ws_max_size=LONGEST_MESSAGE,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
        log_level="warning",
        server_header=False,
        h11_max_incomplete_event_size=2**16,
    )
    return uvicorn.Server(config)


def _wait_for(server: uvicorn.Server) -> None:
    until = monotonic() + _START_SECONDS
    while not server.started:
        if monotonic() > until:
            raise ConfigError(f"the server did not start in {_START_SECONDS:.0f} seconds")
        sleep(0.02)
