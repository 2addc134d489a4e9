"""A script under another Python: it answers, its death is one line, and it is never left behind."""

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from twospeed.core.errors import DataError, MissingExtraError
from twospeed.worlds.simulators import child, duckietown_engine, engine_host, memory_maze_engine
from twospeed.worlds.simulators.child import Child, find_python, hosted, python_of, version_under
from twospeed.worlds.simulators.duckietown import Duckietown

PYTHON = Path(sys.executable)
SIDES = (engine_host, duckietown_engine, memory_maze_engine)
ENGINE = """
class Counter:
    version = "1.5"
    count = 0
    def reset(self, start):
        print("what an engine prints is no answer")
        self.count = start
        return {"told": "once"}
    def step(self, by):
        self.count += by
        return {}
    def truth(self):
        return {"count": self.count}
    def frame(self):
        return bytes(self.count)
def start(size):
    return Counter()
"""
SCRIPT = """
import json, os, signal, struct, sys, time
def send(head, body=b""):
    text = json.dumps(head).encode()
    sys.stdout.buffer.write(struct.pack(">II", len(text), len(body)) + text + body)
    sys.stdout.buffer.flush()
send({"protocol": int(sys.argv[1]), "pid": os.getpid()})
while len(lengths := sys.stdin.buffer.read(8)) == 8:
    head = json.loads(sys.stdin.buffer.read(struct.unpack(">II", lengths)[0]))
    if head["do"] == "fail":
        print("one\\ntwo", file=sys.stderr)
        raise ValueError("no such town")
    if head["do"] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if head["do"] == "sleep":
        time.sleep(100)
    send({"pid": os.getpid(), **head}, bytes(head["size"]))
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def answering(script):
    made = Child(PYTHON, script, ["1"], name="The engine")
    yield made
    made.close()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def ends(pid, seconds=10):
    end = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not is_alive(pid)


def test_heads_and_bytes_come_back_whole_whatever_their_size(answering):
    for size in (0, 1, 300_000):
        head, body = answering.ask({"do": "echo", "size": size, "word": "Straße"})
        assert (head["word"], len(body)) == ("Straße", size)


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        ("fail", r"^The engine has ended \(exit code 1\); .*: ValueError: no such town$"),
        ("die", r"^The engine has ended \(signal 9\); the last that it wrote: nothing$"),
    ],
)
def test_a_death_is_one_line(answering, deed, message):
    with pytest.raises(DataError, match=message) as caught:
        answering.ask({"do": deed})
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="The engine is closed"):
        answering.ask({"do": "echo", "size": 1})


def test_silence_is_one_line_and_ends_it(answering, monkeypatch):
    head, _ = answering.ask({"do": "echo", "size": 0})
    monkeypatch.setattr(child, "_ANSWER_SECONDS", 0.3)
    with pytest.raises(DataError, match="The engine does not answer"):
        answering.ask({"do": "sleep"})
    assert ends(head["pid"])


def test_another_protocol_is_refused(script):
    with pytest.raises(DataError, match="The engine speaks protocol 7, not 1"):
        Child(PYTHON, script, ["7"], name="The engine")


def test_closing_ends_it(answering):
    head, _ = answering.ask({"do": "echo", "size": 0})
    answering.close()
    answering.close()
    assert not is_alive(head["pid"])


def test_it_ends_when_we_are_killed(script):
    code = (
        "import sys, time; from pathlib import Path;"
        "from twospeed.worlds.simulators.child import Child;"
        f"it = Child(Path(sys.executable), Path({str(script)!r}), ['1'], name='it');"
        "print(it.ask({'do': 'echo', 'size': 0})[0]['pid'], flush=True); time.sleep(100)"
    )
    with subprocess.Popen([PYTHON, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.send_signal(signal.SIGKILL)
    assert ends(pid)


def test_an_engine_in_its_host_tells_what_it_has_to_tell(tmp_path):
    (tmp_path / "engine.py").write_text(ENGINE)
    engine = hosted(PYTHON, tmp_path / "engine.py", ["32"], name="The counter")
    assert engine.ask({"do": "reset", "start": 3}) == ({"count": 3, "told": "once"}, bytes(3))
    assert engine.ask({"do": "step", "by": 2}) == ({"count": 5}, bytes(5))
    engine.close()


@pytest.mark.parametrize("side", SIDES, ids=lambda it: it.__name__.rpartition(".")[2])
def test_the_engine_speaks_our_protocol_and_imports_nothing_of_ours(side):
    assert engine_host.PROTOCOL == child.PROTOCOL
    names = [
        name
        for node in ast.walk(ast.parse(Path(side.__file__).read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (getattr(node, "module", ""), *(alias.name for alias in node.names))
    ]
    assert "typing" in names
    assert not [name for name in names if name and name.startswith("twospeed")]


def test_a_python_without_the_engine_is_named_with_the_install_line(monkeypatch, tmp_path):
    about = Duckietown.about
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TWOSPEED_DUCKIETOWN_PYTHON", raising=False)
    assert find_python(about) is None
    with pytest.raises(MissingExtraError, match=r"TWOSPEED_DUCKIETOWN_PYTHON.*none: python3"):
        python_of(about)
    monkeypatch.setenv("TWOSPEED_DUCKIETOWN_PYTHON", str(PYTHON))
    assert find_python(about) == PYTHON
    with pytest.raises(MissingExtraError, match=f"{PYTHON} lacks it: python3"):
        Duckietown()
    usual = tmp_path / ".local/share/twospeed/duckietown/bin/python"
    usual.parent.mkdir(parents=True)
    usual.symlink_to(PYTHON)
    monkeypatch.delenv("TWOSPEED_DUCKIETOWN_PYTHON")
    assert find_python(about) == usual


def test_versions_are_those_of_the_other_python(tmp_path):
    import numpy

    assert version_under(PYTHON, "numpy") == numpy.__version__
    assert version_under(PYTHON, "no-such-package") is None
    assert version_under(tmp_path, "numpy") is None
