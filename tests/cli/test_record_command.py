import os
import re
import signal
import subprocess
import sys
import time

import pytest
import typer
from typer.testing import CliRunner

from twospeed.cli.record import record
from twospeed.core.errors import ConfigError, UnknownNameError
from twospeed.data.index import read_episodes


@pytest.fixture
def app():
    app = typer.Typer()
    app.command()(record)
    return app


def test_the_command_records_and_prints_one_closing_line(app, tmp_path):
    out = tmp_path / "out"
    numbers = {"episodes": 3, "first-seed": 9, "workers": 2, "chunks": 2, "size": 16}
    options = [text for name, number in numbers.items() for text in (f"--{name}", str(number))]
    command = ["rooms", *options, "--out", str(out)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    line = r"recorded 3 episodes, 27 frames, \d+\.\d MB, \d+ frames/s, in .*\n"
    assert re.fullmatch(line, done.output)
    assert [episode.seed for episode in read_episodes(out)] == [9, 10, 11]
    again = CliRunner().invoke(app, command)
    assert "recorded 3 episodes (3 of them before), 27 frames" in again.output


def test_mistakes_reach_the_door_of_the_command_line(app, tmp_path):
    done = CliRunner().invoke(app, ["roms", "--episodes", "1", "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, UnknownNameError)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["blocks"], "an option is written name=value, got 'blocks'"),
        (["blocks=2"], "the world rooms takes no blocks: it takes no options"),
        (["blocks=2", "blocks=1"], "blocks is given twice, 2 and 1"),
    ],
)
def test_options_of_a_world_are_refused_in_one_line(app, tmp_path, options, message):
    given = [word for option in options for word in ("--option", option)]
    command = ["rooms", "--episodes", "1", *given, "--out", str(tmp_path / "out")]
    error = CliRunner().invoke(app, command).exception
    assert isinstance(error, ConfigError)
    assert str(error) == message
    with pytest.raises(ConfigError, match="--option is of one world"):
        raise CliRunner().invoke(app, ["--preset=200k", *command[3:]]).exception
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("world", ["rooms", "doom"])
def test_ctrl_c_is_one_line_and_leaves_whole_shards_only(tmp_path, world, without_progress):
    if world == "doom":
        pytest.importorskip("vizdoom")
    script = "import sys, typer; from twospeed.cli.record import record; typer.run(record)"
    options = f"{world} --episodes 4000 --chunks 1 --size 16 --workers 2 --out".split()
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, *options, str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, as a terminal gives it
    )
    while not list(tmp_path.glob("out/*.tar")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 130
    said = without_progress(errors)
    assert len(said.splitlines()) == 1, errors
    assert "the same command goes on" in said
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".tar", ".json"}
    assert not list(tmp_path.glob("out/.*"))
