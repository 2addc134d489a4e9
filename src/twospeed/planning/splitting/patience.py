"""Waiting for somebody else, and not for ever."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from twospeed.core.errors import DataError


def within(seconds: float, do: Callable[[], bytes]) -> bytes:
    """Return what a function returns, or raise what it raises, in so many seconds.

    Timeouts of a socket are for one read alone: who sends a byte now and then is never late. A
    function that takes longer is left to itself in its thread, which ends with the process.

    Raises:
        DataError: when it takes longer.
    """
    told: SimpleQueue[bytes | Exception] = SimpleQueue()

    def run() -> None:
        try:
            told.put(do())
        except Exception as error:  # raised below, by who waits
            told.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        found = told.get(timeout=seconds)
    except Empty:
        raise DataError("it is too slow") from None
    if isinstance(found, Exception):
        raise found
    return found
