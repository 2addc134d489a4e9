"""The command `twospeed record`, killed at random moments: nothing lost, nothing doubled."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from twospeed.data.index import read_all_notes, read_index

KILLS = 20
SECONDS = (0.0, 6.0)
"""A run lives so long, drawn evenly: from before its first import to after its last shard."""
RUN = "from twospeed.cli.app import run; run()"


def start(out, *, episodes, workers):
    options = {"episodes": episodes, "workers": workers, "chunks": 3, "size": 16, "out": out}
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    return subprocess.Popen(
        [sys.executable, "-c", RUN, "record", "rooms", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def workers_of(process):
    command = ["ps", "-o", "pid=", "--ppid", str(process.pid)]
    return [
        int(pid) for pid in subprocess.run(command, capture_output=True, text=True).stdout.split()
    ]


def kill(process, *, with_workers):
    """End the command by SIGKILL; with its workers it is as if the power went off."""
    victims = workers_of(process) if with_workers else []
    process.send_signal(signal.SIGKILL)
    for victim in victims:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    process.communicate()


def contents(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def shards_in(folder):
    return [path for path in folder.glob("*.tar") if not path.name.startswith(".")]


def check_what_is_there(out, undisturbed):
    """Whatever has its name is whole, at any moment."""
    for path in shards_in(out):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == undisturbed[path.name]
    if (out / "index.json").exists():
        json.loads((out / "index.json").read_text())


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path):
    episodes = 32 * 24
    process = start(tmp_path / "whole", episodes=episodes, workers=1)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    undisturbed = contents(tmp_path / "whole")
    generator = random.Random(20)
    out, moments = tmp_path / "out", []
    for number in range(KILLS):
        process = start(out, episodes=episodes, workers=generator.choice((1, 2)))
        time.sleep(generator.uniform(*SECONDS))
        was_running = process.poll() is None
        kill(process, with_workers=number % 2 == 0)
        moments.append((was_running, len(shards_in(out)), len(list(out.glob(".*.part*")))))
        check_what_is_there(out, undisturbed)
    print("\nkilled while running, whole shards, half-written files:", *moments, sep="\n")
    process = start(out, episodes=episodes, workers=1)
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    assert f"recorded {episodes} episodes" in said
    assert contents(out) == undisturbed
    assert [note["seed"] for note in read_all_notes(out, on_damage=pytest.fail)] == list(
        range(episodes)
    )
    assert sum(len(entry.seeds) for entry in read_index(out)) == episodes
    assert sum(running for running, _, _ in moments) >= KILLS // 2
    assert len({shards for _, shards, _ in moments}) > 3
