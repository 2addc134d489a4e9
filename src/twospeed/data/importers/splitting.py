"""Long takes become several episodes, so that some of them can be held out of a training."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from twospeed.data.importers.account import Account
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.plan import Take

MOST_CHUNKS = 64
"""Of an episode."""

LEAST_CHUNKS = 4
"""Of an episode that is alone: two to train on, two held out."""


def split_long(takes: Sequence[Take], config: ImportConfig, account: Account) -> list[Take]:
    """Cut takes of more than `MOST_CHUNKS` chunks into episodes of about the same length.

    The last frame of an episode is the first one of the next, so that no chunk is lost.

    Args:
        takes: in their order.
        config: how footage becomes episodes.
        account: gets a line about every take that is cut.
    """
    found: list[Take] = []
    for take in takes:
        parts = -(-len(take.chunks) // MOST_CHUNKS)
        if parts > 1:
            line = (
                f"{take.footage.name}: {len(take.chunks)} chunks in a row become {parts} episodes"
            )
            account.say(line, kind="takes that become several episodes")
        found += _cut(take, parts, config)
    return found


def too_few(chunks: int, config: ImportConfig) -> str:
    """Return the line about a single episode that nothing can be trained on."""
    return (
        f"one episode of {chunks} chunks of {config.chunk_seconds:g} s is all: training needs"
        f" {LEAST_CHUNKS} chunks in a row or two episodes; film longer, or try a higher --fps"
    )


def _cut(take: Take, parts: int, config: ImportConfig) -> Iterator[Take]:
    edges = [len(take.chunks) * part // parts for part in range(parts + 1)]
    times = [take.start + edge * config.chunk_seconds for edge in edges[:-1]]
    if take.rate is not None:  # of frames that have numbers, a part begins with one
        moments = (edge * config.chunk_seconds for edge in edges[:-1])
        times = [take.start + int(it * take.rate + 1e-6) / take.rate for it in moments]
    ends = [*times[1:], take.stop]
    for part in range(parts):
        chunks = take.chunks[edges[part] : edges[part + 1]]
        yield replace(take, start=times[part], stop=ends[part], chunks=chunks)
