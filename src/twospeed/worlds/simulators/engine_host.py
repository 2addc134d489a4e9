"""The engine's end of the talk of child.py: a script for the Python that has the engine.

It imports nothing of this package, and nothing here imports it: it is given the file of an engine,
which imports nothing of ours either and has a function ``start(*arguments)``; see `Engine`. Every
message either way is two lengths (4 bytes each, big-endian), a head in JSON and raw bytes. The
first message tells the protocol and the simulator's version; then each request gets one answer,
whose bytes are the frame. It ends when its input ends.
"""

import importlib.util
import json
import os
import signal
import struct
import sys
from typing import IO, Any, Protocol

PROTOCOL = 1


class Engine(Protocol):
    """What ``start`` gives."""

    version: str

    def reset(self, **asked: Any) -> dict[str, Any]:
        """Do what ``{"do": "reset", ...}`` asks, and return what to tell once."""
        ...

    def step(self, **asked: Any) -> dict[str, Any]:
        """Do what ``{"do": "step", ...}`` asks, and return what to tell once."""
        ...

    def truth(self) -> dict[str, Any]:
        """Return what is so."""
        ...

    def frame(self) -> bytes:
        """Draw."""
        ...


def receive(stream: IO[bytes]) -> tuple[Any, bytes] | None:
    """Return the head and the bytes of the next message, or None at the end."""
    lengths = stream.read(8)
    if len(lengths) < 8:
        return None
    head, body = struct.unpack(">II", lengths)
    return json.loads(stream.read(head)), stream.read(body)


def send(stream: IO[bytes], head: Any, body: bytes = b"") -> None:
    """Write one message."""
    text = json.dumps(head).encode()
    stream.write(struct.pack(">II", len(text), len(body)) + text + body)
    stream.flush()


def start(path: str, arguments: list[str]) -> Engine:
    """Run an engine's file and start what it holds."""
    spec = importlib.util.spec_from_file_location("engine", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    engine: Engine = module.start(*arguments)
    return engine


def main(path: str, *arguments: str) -> None:
    """Answer requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us ends us
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a simulator prints is no answer
    engine = start(path, list(arguments))
    send(out, {"protocol": PROTOCOL, "version": engine.version})
    deeds = {"reset": engine.reset, "step": engine.step}
    while (request := receive(sys.stdin.buffer)) is not None:
        head, _ = request
        more = deeds[head.pop("do")](**head)
        send(out, {**engine.truth(), **more}, engine.frame())


if __name__ == "__main__":
    main(*sys.argv[1:])
