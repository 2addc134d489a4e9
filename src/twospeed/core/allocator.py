"""How this process treats the memory that it frees: settings of glibc, nothing elsewhere."""

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD = -1
"""Name of glibc's setting: more free memory than this at the end of the heap goes back."""

_MMAP_THRESHOLD = -3
"""Name of glibc's setting: blocks from this size on are mapped on their own."""

_LARGEST_THRESHOLD = 1 << 25
"""The largest value that glibc takes for it."""


def keep_freed_memory() -> None:
    """Let this process keep what it frees, for the next call; nothing happens outside glibc.

    By default large blocks go back to the system and are mapped, zeroed and touched page by page
    in every step: up to a quarter of the time of a step on small machines.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def give_back_freed_memory() -> None:
    """Give what is free back to the system, and every larger block from now on when it is freed.

    Raises:
        OSError: where there is no glibc; AttributeError where it lacks the settings.
    """
    libc = ctypes.CDLL("libc.so.6")
    libc.mallopt(_MMAP_THRESHOLD, 1 << 16)
    libc.malloc_trim(0)


def keep_large_blocks() -> None:
    """Let blocks of up to 32 MiB stay in the heap again: undoes `give_back_freed_memory`."""
    ctypes.CDLL("libc.so.6").mallopt(_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
