"""Work that is shared out to processes, and stops cleanly whatever happens to any of them.

Each worker asks for a job over a pipe and reports counts over it. When the parent dies, even by
SIGKILL, the pipes end and the workers stop by themselves; when a worker dies, the parent says so.
"""

import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import TypeVar

from twospeed.core.errors import DataError, TwospeedError

Setup = TypeVar("Setup")

Work = Callable[[Setup, Iterator[str]], Iterator[int]]
"""(setup, names of jobs) -> how much more is done, now and then. A function of a module."""

Engine = Callable[..., Iterator[int]]
"""(work, setup, jobs, workers=) -> counts, as `run_in_processes`."""

_ASK = "next job"
_SECONDS_TO_STOP = 5.0


def run_in_processes(
    work: Work[Setup], setup: Setup, jobs: Iterable[str], *, workers: int
) -> Iterator[int]:
    """Carry out every job once and yield the counts that `work` yields.

    However this ends, no worker is left: each is told to stop, then killed with its children.

    Args:
        work: runs in every worker with `setup` and an iterator over the jobs it gets.
        setup: anything that can be pickled.
        jobs: names of jobs; taken in this order by whoever is free.
        workers: how many processes at most.

    Raises:
        TwospeedError: what a worker raised.
        DataError: when a worker dies.
    """
    waiting = deque(jobs)
    crew: dict[Connection, SpawnProcess] = {}
    try:
        with _interrupts_held_back():
            for _ in range(min(workers, len(waiting))):
                connection, process = _start(work, setup)
                crew[connection] = process
        while crew:
            for connection in _with_news(crew):
                message = _receive(connection, crew)
                if isinstance(message, int):
                    yield message
                elif message == _ASK:
                    connection.send(waiting.popleft() if waiting else None)
    finally:
        _stop(crew)


def _start(work: Work[Setup], setup: Setup) -> tuple[Connection, SpawnProcess]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work, setup), daemon=True)
    process.start()
    theirs.close()
    return ours, process


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach; the parent alone gets it, and only afterwards."""
    resource_tracker.ensure_running()  # its start lets interrupts through, so it must come first
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _with_news(crew: dict[Connection, SpawnProcess]) -> list[Connection]:
    return [connection for connection in wait(list(crew)) if isinstance(connection, Connection)]


def _receive(connection: Connection, crew: dict[Connection, SpawnProcess]) -> int | str | None:
    """Return a message, or None when this worker has done its work and is gone."""
    try:
        message: int | str | Exception = connection.recv()
    except (EOFError, ConnectionError):
        process = crew[connection]
        process.join()
        if process.exitcode:
            how = f"signal {-process.exitcode}" if process.exitcode < 0 else "an unknown error"
            raise DataError(
                f"a recording process died of {how}; the same command goes on from here"
            ) from None
        connection.close()
        del crew[connection]
        return None
    if isinstance(message, Exception):
        raise message
    return message


def _stop(crew: dict[Connection, SpawnProcess]) -> None:
    for connection in crew:
        connection.close()  # a worker stops when it next reports or asks
    for process in crew.values():
        process.join(_SECONDS_TO_STOP)
        if process.pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # it, or a simulator that it has left
        process.kill()
        process.join()


def _serve(connection: Connection, work: Work[Setup], setup: Setup) -> None:
    """Be a worker: the main function of its process."""
    os.setsid()  # a group of its own, so that its children can be ended with it
    try:
        for count in work(setup, _jobs_from(connection)):
            connection.send(count)
    except (EOFError, ConnectionError):
        pass  # nobody is listening any more
    except TwospeedError as error:
        _report(connection, error)
    except Exception:
        _report(connection, RuntimeError("in a worker:\n" + traceback.format_exc()))


def _jobs_from(connection: Connection) -> Iterator[str]:
    while True:
        connection.send(_ASK)
        job = connection.recv()
        if job is None:
            return
        yield job


def _report(connection: Connection, error: Exception) -> None:
    with suppress(ConnectionError):
        connection.send(error)
