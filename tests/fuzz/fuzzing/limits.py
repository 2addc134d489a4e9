"""What a reader may do: its time, its memory, one line, and no pipe opened."""

import os
import resource
import signal
import subprocess
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

from twospeed.core.errors import TwospeedError

SECONDS = 60
"""After so long on one changed file a reader hangs; as a rule it takes a tenth of a second."""

BYTES = 6 * 2**30
"""What a reader may ask for beyond what the process holds."""


class HangsError(BaseException):
    """A reader does not come to an end; nothing catches this."""


@contextmanager
def limits(seconds=SECONDS):
    """Hold what is done inside to its time and memory; both are as before afterwards."""

    def stop(*_):
        raise HangsError

    before = signal.signal(signal.SIGALRM, stop)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (held + BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left)


def ends_well(read):
    """Check that `read` gives a result or one line, within its time and memory."""
    line = "-"
    with limits(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other libraries, about what is damaged
        try:
            read()
        except TwospeedError as error:
            line = str(error)
    assert len(line.splitlines()) == 1, line
    assert len(line) < 5000


_FEED = """
while exec 3>"$0"; do
    : > "$1"
    exec 3>&-
    sleep 0.01
done
"""
"""Open a pipe once a reader does, note that before the reader sees its end, and close it."""


@contextmanager
def pipe_at(path):
    """Put a pipe at a path, and check that nothing opens it: without a writer that never ends.

    Readers of compiled code cannot be interrupted; this writer lets them come to an end.
    """
    opened = path.with_name(f"{path.name}.opened")
    os.mkfifo(path)
    process = subprocess.Popen(["sh", "-c", _FEED, path, opened])
    try:
        yield
        time.sleep(0.02)  # a reader that fails at once is gone before the writer has noted it
    finally:
        process.kill()
        process.wait()
    assert not opened.exists(), f"{path.name} was opened: a pipe may never end"
