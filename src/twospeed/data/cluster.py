"""Work that is shared out over the machines of a Ray cluster, with the contract of workers.py.

A cluster that runs already is joined (``ray start`` on each machine, or ``RAY_ADDRESS``); without
one, Ray starts on this machine alone. Every machine needs this package and the engine of the
world, and sees the folder that is written to under the same path.
"""

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from twospeed.core.errors import DataError, TwospeedError, require
from twospeed.data.workers import Work

Setup = TypeVar("Setup")

_KNOCK_SECONDS = 10.0
_FOUND_BY_RAY = ("", "auto", "local")  # values of RAY_ADDRESS that name no machine
_SETTINGS = 4  # the kind of the first frame that either side of HTTP/2 sends
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0])


def run_on_cluster(
    work: Work[Setup], setup: Setup, jobs: Iterable[str], *, workers: int
) -> Iterator[int]:
    """Carry out every job once, on any machine, and yield the counts that `work` yields.

    Args:
        work: runs in every worker with `setup` and an iterator over the jobs it gets.
        setup: anything that can be pickled.
        jobs: names of jobs; taken in this order by whoever is free.
        workers: how many processes at most; each takes one processor of the cluster.

    Raises:
        MissingExtraError: when Ray is not installed.
        TwospeedError: what a worker raised.
        DataError: when the cluster cannot be joined, or a worker or its machine is lost.
    """
    names = list(jobs)
    if not names:
        return
    ray = require("ray", extra="cluster")
    with _joined(ray):
        waiting = require("ray.util.queue", extra="cluster").Queue()
        for name in names:
            waiting.put(name)
        serve = ray.remote(max_retries=0, num_returns="streaming")(_serve)
        crew = [serve.remote(work, setup, waiting) for _ in range(min(workers, len(names)))]
        yield from _counts_of(ray, crew)


@contextmanager
def _joined(ray: Any) -> Iterator[None]:
    """Join the cluster, and leave it again unless it was joined before.

    Raises:
        DataError: when there is one that does not let us in.
    """
    if ray.is_initialized():
        yield
        return
    _knock()
    try:
        ray.init(log_to_driver=False)
    except (ConnectionError, ray.exceptions.RayError) as error:
        raise DataError(
            f"cannot join the Ray cluster: {error}; is it up, and is its token (RAY_AUTH_MODE,"
            " RAY_AUTH_TOKEN) set here as well?"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()  # work of this process that still runs ends with it


def _knock() -> None:
    """Make sure that a cluster answers at RAY_ADDRESS: Ray itself would try for minutes.

    Raises:
        DataError: when none does, or it is no address.
    """
    address = os.environ.get("RAY_ADDRESS", "")
    if address in _FOUND_BY_RAY:
        return
    host, _, port = address.rpartition("://")[2].partition("/")[0].rpartition(":")
    if not host or not port.isdecimal():
        raise DataError(f"RAY_ADDRESS is {address!r}: write host:port, or unset it")
    try:
        _greet(host.strip("[]"), int(port))
    except (OSError, OverflowError) as error:
        raise DataError(
            f"cannot join the Ray cluster: none answers at RAY_ADDRESS {address} ({error});"
            " start it there with `ray start --head`, or unset RAY_ADDRESS"
        ) from error


def _greet(host: str, port: int) -> None:
    """Open a connection and, unless it is to be encrypted, see that HTTP/2 is spoken there.

    Raises:
        OSError: when it is not.
    """
    with socket.create_connection((host, port), _KNOCK_SECONDS) as connection:
        if os.environ.get("RAY_USE_TLS", "0") not in ("0", ""):
            return
        connection.sendall(_HELLO)
        head = connection.recv(9, socket.MSG_WAITALL)
    if len(head) < 9 or head[3] != _SETTINGS:
        raise OSError("what listens is not Ray")


def _serve(work: Work[Setup], setup: Setup, waiting: Any) -> Iterator[int]:
    """Be a worker: a task of the cluster."""
    yield from work(setup, _taken_from(waiting))


def _taken_from(waiting: Any) -> Iterator[str]:
    """Yield jobs until there is none; another worker may take the last one first."""
    empty = require("ray.util.queue", extra="cluster").Empty
    while True:
        try:
            yield waiting.get_nowait()
        except empty:
            return


def _counts_of(ray: Any, crew: list[Any]) -> Iterator[int]:
    """Yield counts as they come, from whoever has one."""
    while crew:
        (ready,), _ = ray.wait(crew, num_returns=1)
        try:
            yield ray.get(next(ready))
        except StopIteration:
            crew.remove(ready)
        except ray.exceptions.RayTaskError as error:
            raise _own(error) from error
        except ray.exceptions.RayError as error:
            raise DataError(
                f"a recording process or its machine was lost ({type(error).__name__}); the same"
                " command goes on from here"
            ) from error


def _own(error: Any) -> Exception:
    """Return what a worker raised: a mistake of the user's, or a bug with its traceback."""
    cause = error.cause
    return cause if isinstance(cause, TwospeedError) else RuntimeError(f"in a worker:\n{error}")
