"""What a player does to a memory: forget, merge, put another in its place. Each can be undone."""

from collections.abc import Callable

from twospeed.core.errors import ConfigError
from twospeed.memory.edits import forget, merge
from twospeed.memory.memory_file import MemoryFile, memory_of, open_memories
from twospeed.web.session import Session


def forget_share(session: Session, share: float) -> None:
    """Let the memory forget a share of itself, 0 to 1.

    Raises:
        ConfigError: when there is no memory, or no such share.
    """
    _edit(session, lambda file: forget(file, share=share))


def merge_with(session: Session, other: MemoryFile, share: float) -> None:
    """Blend another memory in: ``share`` of it, the rest of the session's own.

    Raises:
        ConfigError: when there is no memory, or no such share.
        DataError: when they belong to different slow weights or layers.
    """
    _edit(session, lambda file: merge(other, file, share=share))


def put_memory(session: Session, other: MemoryFile) -> None:
    """Put another memory in the place of the session's own.

    Raises:
        ConfigError: when there is no memory.
        DataError: when it belongs to other slow weights, or its layers do not fit.
    """
    _edit(session, lambda _: other)


def _edit(session: Session, change: Callable[[MemoryFile], MemoryFile]) -> None:
    memory = session.memory
    if memory is None:
        raise ConfigError("this session has no memory: start one with it")
    edited = open_memories(session.model, [change(memory_of(memory))], seeds=memory.seeds)
    session.history.add(session.moment(), memory, None)
    session.memory = edited
    session.num_acts += 1
