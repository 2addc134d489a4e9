"""Recording and importing, killed at random moments: nothing lost, nothing doubled."""

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


def start(*words):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_recording(out, *, episodes, workers):
    sizes = ("--episodes", episodes, "--chunks", 3, "--size", 16)
    return start("record", "rooms", *sizes, "--workers", workers, "--out", out)


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
    process = start_recording(tmp_path / "whole", episodes=episodes, workers=1)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    undisturbed = contents(tmp_path / "whole")
    generator = random.Random(20)
    out, moments = tmp_path / "out", []
    for number in range(KILLS):
        process = start_recording(out, episodes=episodes, workers=generator.choice((1, 2)))
        time.sleep(generator.uniform(*SECONDS))
        was_running = process.poll() is None
        kill(process, with_workers=number % 2 == 0)
        moments.append((was_running, len(shards_in(out)), len(list(out.glob(".*.part*")))))
        check_what_is_there(out, undisturbed)
    print("\nkilled while running, whole shards, half-written files:", *moments, sep="\n")
    process = start_recording(out, episodes=episodes, workers=1)
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


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_import_survives_kills(tmp_path, clip, bright):
    clip(tmp_path / "src" / "a.mp4", bright(12))
    for name in range(40):
        (tmp_path / "src" / f"{name}.mp4").symlink_to(tmp_path / "src" / "a.mp4")
    rows = [f"{name}.mp4,{2 * index},{2 * index + 1},x" for name in range(40) for index in range(6)]
    (tmp_path / "src" / "labels.csv").write_text("video,start,end,action\n" + "\n".join(rows))
    words = ("import", "videos", tmp_path / "src", "--size", 16, "--out")
    process = start(*words, tmp_path / "whole")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    undisturbed = everything_in(tmp_path / "whole")
    generator, out, moments = random.Random(3), tmp_path / "out", []
    for _ in range(6):
        process, done = start(*words, out), accounts_in(out)
        while accounts_in(out) == done and process.poll() is None:
            time.sleep(0.005)
        time.sleep(generator.uniform(0, 0.5))
        moments.append(accounts_in(out))
        kill(process, with_workers=True)
    process = start(*words, out)
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    assert said.startswith("imported 240 of 240 episodes")
    assert everything_in(out) == undisturbed
    assert len(set(moments)) >= 4


def accounts_in(out):
    return len(list(out.glob("account/[!.]*.json")))


def everything_in(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
