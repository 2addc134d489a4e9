"""Twenty clients at once for a while: nothing is lost, and memory stays flat.

$SOAK_SECONDS sets how long; the figure in docs/play.md is of ten minutes.
"""

import os
import random
import resource
import threading
import time
from pathlib import Path

import pytest

CLIENTS = 20
SECONDS = float(os.environ.get("SOAK_SECONDS", "40"))
MOST_GROWTH = 24 * 2**20
"""Bytes that the process may grow by, of which each session's undo may hold a part."""


def resident():
    """Return the bytes of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def play(client, seed, until, faults, counts):
    """Do random acts until the time is over; note every fault."""
    draws = random.Random(seed)
    try:
        last = client.first["frame"]
        while time.monotonic() < until:
            last = one_act(client, draws, last)
            counts[seed] += 1
    except Exception as error:
        faults.append(f"client {seed}: {type(error).__name__}: {error}")


def one_act(client, draws, last):
    """Do something and return the number of the last frame; numbers have no gaps."""
    choice = draws.random()
    if choice < 0.8:
        client.send("say", text=draws.choice(client.hello["actions"]), at=1.0, look=choice < 0.2)
        found = client.until("done")
    elif choice < 0.9:
        client.do("turn left")
        last += 4
        client.send("undo", count=1)
        found = client.until("frame")
    else:
        client.send("forget", share=draws.random())
        found = client.until("state")
    for message in found:
        if message["type"] == "frame":
            assert message["frame"] == last + 1, "a frame was lost"
            last += 1
    return last


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_twenty_clients_lose_nothing_and_memory_stays_flat(join):
    clients = [join() for _ in range(CLIENTS)]
    faults, counts = [], [0] * CLIENTS
    begun = time.monotonic()
    threads = [
        threading.Thread(target=play, args=(client, seed, begun + SECONDS, faults, counts))
        for seed, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    sizes = []
    for _ in range(10):
        time.sleep(SECONDS / 10)
        sizes.append(resident())
    for thread in threads:
        thread.join()
    growth = sizes[-1] - sizes[len(sizes) // 2]
    print(f"{sum(counts)} acts, {min(counts)} to {max(counts)} each")
    print("MiB:", *(size // 2**20 for size in sizes))
    assert faults == []
    assert min(counts) >= 0.5 * max(counts)
    assert growth < MOST_GROWTH
