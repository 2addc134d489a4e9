"""Serve the rating page until it is stopped, or while a block runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn

from twospeed.web.rating.server import Rating, rating_app
from twospeed.web.serving import LOOPBACK, address_of, bound, run_until_stopped, running


def serve_rating(rating: Rating, *, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve until it is stopped.

    Args:
        rating: the clips.
        host: address to listen on; anything but loopback gets a token.
        port: 0 takes one that is free.
        say: gets the address.

    Raises:
        ConfigError: when the address or the port cannot be had.
    """
    run_until_stopped(partial(_server, rating, host), host=host, port=port, say=say)


@contextmanager
def rating_served(rating: Rating) -> Iterator[str]:
    """Serve on a free port of loopback while the block runs; gives the address.

    Raises:
        ConfigError: when the port cannot be had.
    """
    with bound(LOOPBACK, 0) as listening, running(_server(rating, LOOPBACK, None), listening):
        yield address_of(listening, None)


def _server(rating: Rating, host: str, token: str | None) -> uvicorn.Server:
    app = rating_app(rating, host=host, token=token)
    return uvicorn.Server(
        uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=2)
    )
