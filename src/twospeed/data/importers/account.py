"""What an import says of everything that it left out or that is not as usual.

Holds: `Account` of an import, `ShardAccount` of one file of it. Every remark has a kind, so that
thousands of one kind become a few lines and a count. What was taken is counted beside what the
source lists.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from twospeed.core.files import read_json
from twospeed.core.untrusted import typed

MOST_SHOWN = 3
"""Remarks of one kind that are shown one by one."""

LONGEST_LINE = 500
"""Letters of a remark; names in files of strangers have any length."""

_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Remark(NamedTuple):
    """One line about something that was left out or is not as usual."""

    kind: str
    """What it has in common with others, such as "segments too short for a chunk"."""

    line: str
    """Where it is, and what was done about it."""


@dataclass(slots=True)
class Account:
    """Remarks in the order in which they came, and how much the source lists."""

    remarks: list[Remark] = field(default_factory=list)

    num_entries: int = 0
    """Rows of the tables, or episodes of the logs and datasets."""

    seconds: float = 0.0
    """How long all segments together are that the source lists."""

    def __call__(self, line: str) -> None:
        """Note a line that is of no kind."""
        self.say(line, kind=line)

    def say(self, line: str, *, kind: str) -> None:
        """Note a line of a kind, on one line and of bounded length."""
        self.remarks.append(Remark(_plain(kind), _plain(line)))

    @property
    def lines(self) -> tuple[str, ...]:
        """Every line."""
        return tuple(remark.line for remark in self.remarks)

    def summary(self) -> Iterator[str]:
        """Yield kind after kind: a few of its lines, and how many there are if these are more."""
        kinds: dict[str, list[str]] = {}
        for kind, line in self.remarks:
            kinds.setdefault(kind, []).append(line)
        for kind, lines in kinds.items():
            yield from lines[:MOST_SHOWN]
            if len(lines) > MOST_SHOWN:
                yield f"{len(lines):,} in all: {kind}"


def _plain(text: str) -> str:
    """Return a text without signs that steer a terminal or are half a letter."""
    text = _ODD.sub("?", text)
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 4]} ..."


@dataclass(kw_only=True, slots=True)
class ShardAccount:
    """What is in a shard, and what was left out of it; a file beside it."""

    sha256: str | None = None
    """Of the shard; None when nothing could be read and there is none."""

    num_chunks: int = 0
    entries: tuple[str, ...] = ()
    """The rows or episodes of the source that are in it."""

    seconds: float = 0.0
    """How long its chunks are together, as far as the source labels them."""

    remarks: tuple[tuple[str, str], ...] = ()
    """Kind and line of each."""


def read_shard_account(path: Path) -> ShardAccount:
    """Read the account of a shard.

    Raises:
        DataError: when the file is missing or damaged: without it the shard is read anew.
    """
    return typed(ShardAccount, read_json(path), f"{path} is damaged, remove it")
