import signal
import subprocess
import sys

import pytest

from twospeed.cli.app import main
from twospeed.core.errors import DataError
from twospeed.core.runs.locks import held, held_beside

HOLD = (
    "import sys, time; from pathlib import Path; from twospeed.core.runs import locks\n"
    "with getattr(locks, sys.argv[1])(Path(sys.argv[2])):\n"
    "    print('held', flush=True); time.sleep(600)"
)


@pytest.fixture
def holder():
    """Return a function that holds a place in another process, which is killed at the end."""
    started = []

    def start(kind, place):
        arguments = [sys.executable, "-c", HOLD, kind, str(place)]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("kind", [held, held_beside])
def test_a_second_process_is_one_line_and_a_killed_one_holds_nothing(holder, tmp_path, kind):
    place = tmp_path / "deep" / "place"
    process = holder(kind.__name__, place)
    with pytest.raises(DataError, match="another process"), kind(place):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    with kind(place):
        pass
    assert not place.exists()
    assert not list(place.parent.iterdir())


@pytest.mark.parametrize(
    ("command", "kind", "place"),
    [
        (["train", "rooms-tiny", "--out", "PLACE"], "held", "run"),
        (["fit", "digits", "--data", "digits", "--out", "PLACE"], "held", "run"),
        (["record", "rooms", "--episodes", "2", "--out", "PLACE"], "held", "run"),
        (["memory", "forget", "PLACE", "--share", "0.5"], "held_beside", "memory"),
        (["memory", "fork", "memory", "--out", "PLACE"], "held_beside", "new"),
        (["memory", "merge", "memory", "memory", "--out", "PLACE"], "held_beside", "new"),
        (["memory", "write", "rooms-64", "no.mp4", "--out", "PLACE"], "held_beside", "new"),
        (
            [
                *("dream", "rooms-64", "--first-frame=rooms:7", "--actions=turn left"),
                *("--out=x.mp4", "--save-memory=PLACE"),
            ],
            "held_beside",
            "new",
        ),
    ],
    ids=lambda it: " ".join(it[:2]) if isinstance(it, list) else "",
)
def test_two_commands_at_once_do_not_write_into_one_place(
    holder, tmp_path, monkeypatch, capsys, command, kind, place
):
    monkeypatch.chdir(tmp_path)
    holder(kind, tmp_path / place)
    assert main([it.replace("PLACE", place) for it in command]) == 2
    error = capsys.readouterr().err
    assert "another process" in error
    assert error.count("\n") == 1
