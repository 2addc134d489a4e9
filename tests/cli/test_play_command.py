import json
import socket
import subprocess
import sys
from urllib.request import urlopen

import numpy as np
import pytest

from twospeed.cli.app import main
from twospeed.core.pictures import write_picture
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import save_memory


@pytest.fixture
def folder(model, vocabulary, tmp_path):
    model.vocabulary = vocabulary
    model.save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


@pytest.fixture
def vocabulary():
    from twospeed.worldmodel.vocabulary import KnownAction, Vocabulary

    return Vocabulary({text: KnownAction() for text in ("turn left", "turn right", "go forward")})


@pytest.fixture
def playing(tmp_path):
    """Return a function that starts the command and gives the address that it prints."""
    started = []

    def start(*arguments):
        command = [sys.executable, "-m", "twospeed.cli.app", "play", *arguments, "--no-browser"]
        running = subprocess.Popen(
            [*command, "--port", "0", "--out", str(tmp_path / "play")],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(running)
        return running.stdout.readline().split()[0]

    yield start
    for running in started:
        running.terminate()
        running.wait(30)
        running.stdout.close()


def test_the_command_prints_its_address_and_answers(folder, playing, tmp_path):
    address = playing(folder, "--first-frame", "rooms:7")
    assert address.startswith("http://127.0.0.1:")
    with urlopen(address + "healthz", timeout=30) as answer:
        assert json.load(answer)["status"] == "ok"
    with urlopen(address, timeout=30) as answer:
        assert b"twospeed" in answer.read()
    assert [path.name for path in (tmp_path / "play").iterdir()] == ["play.json"]


def test_a_picture_and_a_saved_memory_can_be_gone_on_from(folder, model, playing, tmp_path):
    write_picture(tmp_path / "own.png", np.zeros((20, 30, 3), np.uint8))
    save_memory(FastWeights(model), tmp_path / "memory")
    address = playing(
        folder, "--first-frame", str(tmp_path / "own.png"), "--memory", str(tmp_path / "memory")
    )
    with urlopen(address + "healthz", timeout=30) as answer:
        assert json.load(answer)["players"] == 0


def test_a_benchmark_writes_its_figures(folder, tmp_path, capsys):
    report = tmp_path / "speed.json"
    words = ["play", folder, "--out", str(tmp_path / "play"), "--json", str(report)]
    assert main([*words, "--benchmark", "4"]) == 0
    assert "frames/s in each of memory, plain, truth; key to picture" in capsys.readouterr().out
    figures = json.loads(report.read_text())
    assert figures["frames_per_second"] > 0
    assert figures["key_to_picture_ms"]["median"] > 0
    assert figures["ms"].keys() == {"infer", "encode", "memory"}
    assert len(figures["load"]["before"]) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--first-frame", "rooms:x"], "rooms:x"),
        (["--first-frame", "romms:7"], "Did you mean 'rooms'"),
        (["--first-frame", "nothing.png"], "nothing.png"),
        (["--memory", "nowhere"], "nowhere"),
        (["--preset", "papre"], "Did you mean 'paper'"),
        (["--port", "70000"], "cannot listen on 127.0.0.1, port 70000"),
        (["--host", "256.1.1.1"], "cannot listen on 256.1.1.1"),
        (["--steps", "0"], "sampling_steps must be 1 or more"),
        (["--benchmark", "0"], "takes some seconds"),
    ],
)
def test_what_cannot_be_is_one_line(folder, tmp_path, capsys, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["play", folder, "--no-browser", *words]) == 2
    line = capsys.readouterr().err
    assert message in line
    assert line.count("\n") == 1


def test_a_port_that_is_taken_is_one_line(folder, tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        out = str(tmp_path / "play")
        assert main(["play", folder, "--no-browser", "--port", port, "--out", out]) == 2
    assert f"cannot listen on 127.0.0.1, port {port}" in capsys.readouterr().err
