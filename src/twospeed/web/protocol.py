"""The messages between page and server, version 1; docs/protocol.md writes them down.

From the page: one JSON object a text message, with its `type`. To the page: JSON objects, and
pictures as binary messages: the header's length (4 bytes, big-endian), the header (JSON, UTF-8),
the bytes of the pictures in the order of the header.
"""

import io
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from PIL import Image

from twospeed.core.errors import DataError, lookup
from twospeed.core.pictures import Frame
from twospeed.core.ranges import Seed, Share, Within
from twospeed.core.untrusted import parse_json, typed

VERSION = 1

LONGEST_MESSAGE = 2**16
"""Bytes of a message from the page."""

LARGEST_PNG = 128
"""Pixels of a side up to which frames go as PNG, without loss; larger ones as JPEG."""

_QUALITY = 90

Number = Annotated[int, Within(0, 2**53)]
"""A whole number that JavaScript counts to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Say:
    """A command, from a key, a button or the text field; the newest one wins."""

    text: str
    at: float = 0.0
    """The page's clock in milliseconds; comes back with the first frames that it caused."""

    hold: bool = False
    """Go on with it until `Release` or another command."""

    look: bool = False
    """Do it in the true world with open eyes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """Stop what is held or replayed after the chunk that is under way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ack:
    """All frames up to this number were shown; without it only a few more are sent."""

    frame: Number


@dataclass(frozen=True, kw_only=True, slots=True)
class Begin:
    """Begin anew."""

    first: str | None = None
    """WORLD:SEED; None: where the server was told to begin."""

    seed: Seed = 0
    memory: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Undo:
    """Take back the last acts."""

    count: Annotated[int, Within(1, 1000)] = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Forget:
    """Forget a share of the memory."""

    share: Share = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Save:
    """Save the session under a name."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """Go on from a saved session."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Fork:
    """Save the session under a name that is free, for another tab to go on from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Merge:
    """Blend the memory of a saved session in."""

    name: str
    share: Share = 0.5
    """Of the saved one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """Do a list of commands, such as "look: turn left*4, turn left*4"."""

    actions: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Begin to record, or stop and write the video."""

    on: bool


Message: TypeAlias = (
    Say | Release | Ack | Begin | Undo | Forget | Save | Load | Fork | Merge | Replay | Record
)

MESSAGES: dict[str, type[Message]] = {
    "say": Say,
    "release": Release,
    "ack": Ack,
    "begin": Begin,
    "undo": Undo,
    "forget": Forget,
    "save": Save,
    "load": Load,
    "fork": Fork,
    "merge": Merge,
    "replay": Replay,
    "record": Record,
}
"""What a page may send, by `type`."""


def read_message(text: str) -> Message:
    """Read a message of the page.

    Raises:
        DataError: when it is none, or its values are not what they should be.
        UnknownNameError: when its type is not known.
    """
    values = parse_json(text, "the message")
    if not isinstance(values, dict) or not isinstance(values.get("type"), str):
        raise DataError("a message is a JSON object with a type")
    kind = lookup(MESSAGES, values.pop("type"), "message")
    return typed(kind, values, "the message")


def json_of(kind: str, **values: Any) -> str:
    """Write a message to the page."""
    return json.dumps({"type": kind, **values}, separators=(",", ":"))


def pack(header: dict[str, Any], pictures: Sequence[bytes]) -> bytes:
    """Write a binary message to the page."""
    said = json.dumps(header, separators=(",", ":")).encode()
    return b"".join((struct.pack(">I", len(said)), said, *pictures))


def unpack(message: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Read a binary message: its header, and the bytes of each of its pictures.

    Raises:
        DataError: when it is not whole.
    """
    length = int.from_bytes(message[:4])
    header = parse_json(message[4 : 4 + length], "the header")
    if not isinstance(header, dict) or not isinstance(header.get("pictures"), list):
        raise DataError("the header of a binary message names its pictures")
    place, pictures = 4 + length, []
    for picture in header["pictures"]:
        pictures.append(message[place : place + picture["bytes"]])
        place += picture["bytes"]
    if place != len(message):
        raise DataError(f"the message has {len(message)} bytes, its header says {place}")
    return header, pictures


def encoding_of(frame: Frame) -> str:
    """Return "png" for small frames and "jpeg" for others."""
    return "png" if max(frame.shape[:2]) <= LARGEST_PNG else "jpeg"


def encoded(frame: Frame, encoding: str) -> bytes:
    """Return a frame as the bytes of a picture file."""
    buffer = io.BytesIO()
    options = {"compress_level": 1} if encoding == "png" else {"quality": _QUALITY}
    Image.fromarray(frame).save(buffer, format=encoding.upper(), **options)
    return buffer.getvalue()
