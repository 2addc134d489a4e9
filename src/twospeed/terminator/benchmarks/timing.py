"""Clocks and memory: medians of interleaved runs, peak resident memory."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from twospeed.core.allocator import give_back_freed_memory, keep_large_blocks

Action = Callable[[], object]


CLOCKS: dict[str, Callable[[], float]] = {
    "wall": time.perf_counter,
    "processor": time.process_time,
}
"""Names of clocks: seconds that pass, or seconds of all threads that other work hardly moves."""


def seconds_of(action: Action, *, clock: str = "wall") -> float:
    """Run once and return seconds by a clock of `CLOCKS`."""
    now = CLOCKS[clock]
    start = now()
    action()
    return now() - start


def median_seconds(
    actions: Mapping[str, Action], *, repeats: int, shortest: float = 0.0, clock: str = "wall"
) -> dict[str, float]:
    """Run all actions by turns and return the median seconds of each, after one run to warm up.

    Turns, not blocks: what else the machine does then hits all of them alike.

    Args:
        actions: by name.
        repeats: samples of which the median counts.
        shortest: seconds that a sample should last at least: quick actions run several times in it.
        clock: a name of `CLOCKS`.
    """
    calls = {}
    for name, action in actions.items():
        action()
        warm = seconds_of(action, clock=clock) if shortest else math.inf
        calls[name] = min(1000, max(1, math.ceil(shortest / max(warm, 1e-6))))
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(repeats):
        for name, action in actions.items():
            seconds = seconds_of(_repeated(action, calls[name]), clock=clock)
            times[name].append(seconds / calls[name])
    return {name: statistics.median(values) for name, values in times.items()}


def _repeated(action: Action, count: int) -> Action:
    def act() -> None:
        for _ in range(count):
            action()

    return act


def peak_bytes(action: Action) -> int | None:
    """Return by how much resident memory rose at its peak while `action` ran.

    None where the system does not tell (only Linux lets a process reset its own peak).
    """
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        give_back_freed_memory()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = _status_bytes("VmRSS")
        action()
        peak = max(0, _status_bytes("VmHWM") - before)
        keep_large_blocks()
    except (OSError, AttributeError):
        return None
    return peak


def _status_bytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    line = next(line for line in lines if line.startswith(field))
    return 1024 * int(line.split()[1])
