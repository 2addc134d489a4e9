"""An engine that runs under a Python of its own, and the talk with it.

Holds: `Child`, `hosted`, `find_python`, `version_under`. A message either way is two lengths (4
bytes each, big-endian), a head in JSON and raw bytes; each request gets one answer. The engine's
script says first which protocol it speaks. It ends when its input does, so it never outlives us,
and leaves Ctrl-C to us. Holds not: the other end (engine_host.py).
"""

import contextlib
import json
import os
import select
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twospeed.core.errors import DataError, MissingExtraError
from twospeed.worlds.base import About

PROTOCOL = 1
_START_SECONDS = 180.0
_ANSWER_SECONDS = 120.0
_SECONDS_TO_END = 5.0


def find_python(about: About) -> Path | None:
    """Return the Python that a world's environment variable names, or the one in its usual place.

    The usual place is ``~/.local/share/twospeed/PLACE/bin/python``; None when there is none.
    """
    if about.interpreter is None:
        return None
    variable, place = about.interpreter
    usual = Path.home() / ".local/share/twospeed" / place / "bin/python"
    path = Path(os.environ.get(variable) or usual)
    return path if os.access(path, os.X_OK) and path.is_file() else None


def version_under(python: Path, package: str) -> str | None:
    """Return the version of a distribution as that Python sees it, or None without one."""
    code = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    try:
        said = subprocess.run(
            [python, "-I", "-c", code, package], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.strip()


def python_of(about: About) -> Path:
    """Return the Python that has the engine of a world with an `About.interpreter`.

    Raises:
        MissingExtraError: when there is none, or it lacks the engine.
    """
    python = find_python(about)
    if python is None or version_under(python, about.package) is None:
        variable, _ = about.interpreter or ("", "")
        where = f"{python} lacks it" if python else "there is none"
        raise MissingExtraError(
            f"this needs {about.package} in a Python of its own (named in {variable}), and {where}:"
            f" {about.install}"
        )
    return python


def hosted(python: Path, engine: Path, arguments: Sequence[str], *, name: str) -> "Child":
    """Start an engine in a host of its own (engine_host.py).

    Args:
        python: the interpreter that has what the engine needs.
        engine: its file.
        arguments: of its ``start``.
        name: what errors call it.

    Raises:
        DataError: when it does not start, or speaks another protocol.
    """
    host = Path(__file__).with_name("engine_host.py")
    return Child(python, host, [str(engine), *arguments], name=name)


class Child:
    """A running script that answers.

    Raises:
        DataError: when it does not start, or speaks another protocol.
    """

    def __init__(self, python: Path, script: Path, arguments: Sequence[str], *, name: str) -> None:
        """Start it.

        Args:
            python: the interpreter.
            script: imports nothing of ours.
            arguments: for the script.
            name: what errors call it.
        """
        self._name = name
        self._log = tempfile.TemporaryFile(prefix="twospeed-")  # noqa: SIM115  # closed in close
        self._process = subprocess.Popen(
            [python, "-I", script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        try:
            hello, _ = self._answer(_START_SECONDS)
            if hello.get("protocol") != PROTOCOL:
                raise DataError(
                    f"{name} speaks protocol {hello.get('protocol')}, not {PROTOCOL}: {script}"
                )
        except BaseException:
            self.close()
            raise

    def ask(self, head: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Send a request and return the head and the bytes of its answer.

        Raises:
            DataError: when the process is gone or does not answer.
        """
        text = json.dumps(head).encode()
        pipe = self._process.stdin
        try:
            if pipe is None or pipe.closed:
                raise DataError(f"{self._name} is closed")
            pipe.write(struct.pack(">II", len(text), 0) + text)
            pipe.flush()
        except OSError:
            raise self._gone("has ended") from None
        return self._answer(_ANSWER_SECONDS)

    def close(self) -> None:
        """End the process; it gets some seconds to do so by itself."""
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _answer(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        end = time.monotonic() + seconds
        head, body = struct.unpack(">II", self._read(8, end))
        found: dict[str, Any] = json.loads(self._read(head, end))
        return found, self._read(body, end)

    def _read(self, count: int, end: float) -> bytes:
        """Read so many bytes before the clock reaches `end`."""
        pipe = self._process.stdout
        if pipe is None or pipe.closed:
            raise DataError(f"{self._name} is closed")
        parts: list[bytes] = []
        while count:
            ready, _, _ = select.select([pipe], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                self._process.kill()
                raise self._gone("does not answer")
            parts.append(os.read(pipe.fileno(), count))
            if not parts[-1]:
                raise self._gone("has ended")
            count -= len(parts[-1])
        return b"".join(parts)

    def _gone(self, what: str) -> DataError:
        """End what is left and say how it ended, with the last line that it wrote."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)
        code = self._process.poll()
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
        self.close()
        return DataError(f"{self._name} {what} ({how}); the last that it wrote: {last[-300:]}")
