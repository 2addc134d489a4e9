"""What this machine holds: its memory, asked before any of it is taken, and its cores."""

import os
from contextlib import suppress
from pathlib import Path

from twospeed.core.errors import ConfigError

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_FULL = ("can't allocate memory", "out of memory", "not enough memory", "Unable to allocate")


def total_memory() -> int | None:
    """Return the bytes of memory that this process may have at most; None where nobody tells."""
    found = []
    with suppress(OSError, ValueError, AttributeError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in _LIMITS:
        with suppress(OSError, ValueError):  # also where there is no limit: "max"
            found.append(int(Path(path).read_text(encoding="ascii")))
    return min((it for it in found if it > 0), default=None)


def check_fits(num_bytes: int, what: str) -> None:
    """Refuse what cannot fit into the memory of this machine.

    Args:
        num_bytes: what it takes at least.
        what: its name, such as "a video of 40,000 frames".

    Raises:
        ConfigError: with both sizes.
    """
    total = total_memory()
    if total is not None and num_bytes > total:
        raise ConfigError(
            f"{what} takes at least {num_bytes / 1e9:,.0f} GB of memory, this machine has"
            f" {total / 1e9:,.0f}: take less"
        )


def is_out_of_memory(error: Exception) -> bool:
    """Say whether an error of Python, numpy or torch means that the memory is full."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(it in str(error) for it in _FULL)
    )


def num_cores() -> int:
    """Return how many cores of the processor this process may use, 1 at least."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
