import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version

import pytest

import twospeed
from twospeed.cli.app import COMMANDS, LONGEST_LINE, build, main

SAME = {"--seed", "--first-seed", "--set", "--workers", "--model", "--device"}
"""Options of several commands that mean the same in each."""

RUN = "import sys; from twospeed.cli.app import run; run()"


@pytest.fixture
def start():
    """Return a function that starts `twospeed` in a process of its own; none outlives the test."""
    started = []

    def run(*arguments, before=""):
        process = subprocess.Popen(
            [sys.executable, "-c", f"{before}\n{RUN}", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_help_is_quick_because_it_imports_nothing_heavy():
    script = (
        "import sys; from twospeed.cli.app import main; main(['--help'])\n"
        "assert not {'torch', 'numpy', 'diffusers', 'av'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_of_its_own(name, capsys):
    assert main([name, "--help"]) == 0
    assert "Usage: twospeed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["recrod"], "Did you mean 'record'"),
        (["record"], "Missing argument"),
        (["train", "rooms-tiny"], "Missing option '--out'"),
        (["train", "rooms_tiny", "--out", "x"], "Did you mean 'rooms-tiny'"),
        (["train", "rooms-tiny", "--out", "x", "--set", "slow.lop.steps=1"], "'lop'"),
        (["train", "rooms-tiny", "--out", "x", "--set", "slow.loop.steps=many"], "takes int"),
        (["train", "rooms-tiny", "--out", "x", "--data", "nothing"], "index.json"),
        (["record", "moon", "--episodes", "1", "--out", "x"], "no world is called 'moon'"),
        (["memory", "show", "nothing"], "cannot read a memory"),
        (["memory", "show", "n" * 300], "cannot read"),
        (["record", "rooms", "--out", "x", "--share", "0.5"], "without --preset"),
        (["terminator", "bench", "--json", "x", "--plot", "p.png", "--no-scaling"], "--no-scaling"),
        (["--verbose"], "No such option"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("twospeed: ")
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_mistake_of_any_length_is_one_short_line(capsys):
    assert main(["memory", "show", "/".join("x" * 100 for _ in range(50))]) == 2
    assert len(capsys.readouterr().err) < LONGEST_LINE + 50


def test_no_argument_shows_the_help(capsys):
    assert main([]) == 0
    assert "Commands" in capsys.readouterr().out


def test_the_version_is_the_packages(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"twospeed {twospeed.__version__}\n"
    assert twospeed.__version__ == version("twospeed")


def test_info_names_versions_and_devices(capsys):
    assert main(["info"]) == 0
    shown = capsys.readouterr().out
    assert "torch 2" in shown
    assert "GPU: " in shown


def test_models_lists_what_is_packaged(capsys):
    assert main(["models"]) == 0
    assert capsys.readouterr().out


def test_ctrl_c_in_a_training_is_one_line_and_the_same_command_goes_on(
    start, tmp_path, without_progress
):
    out = tmp_path / "run"
    command = ["train", "rooms-tiny", "--out", out, "--set", "slow.loop.steps=1000000"]
    process = start(*command)
    while not (out / "denoiser" / "journal.jsonl").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 130
    said = without_progress(errors)
    assert said.count("\n") == 1, errors
    assert said.startswith("twospeed: stopped")
    assert not list(out.rglob(".*.part*"))


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(start, tmp_path, without_progress):
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        " resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    )
    process = start("train", "rooms-tiny", "--out", tmp_path / "run", before=limit)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 2
    said = without_progress(errors)
    assert said.count("\n") == 1, errors
    assert "cannot write" in said
    assert not list(tmp_path.rglob(".*.part*"))


def test_the_command_can_be_built_again_and_again():
    assert build().name == build().name == "twospeed"


def test_a_reader_that_has_seen_enough_is_no_error():
    command = f"{sys.executable} -m twospeed.cli.app recall --help | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_options_of_several_commands_say_the_same_words():
    words = {}

    def walk(command, context):
        for parameter in command.get_params(context):
            if len(parameter.opts) and parameter.opts[0] in SAME:
                words.setdefault(parameter.opts[0], set()).add(parameter.help)
        for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
            child = command.get_command(context, name)
            inner = child.make_context(name, [], parent=context, resilient_parsing=True)
            walk(inner.command, inner)

    root = build()
    walk(root, root.make_context("twospeed", [], resilient_parsing=True))
    assert words.keys() == SAME
    assert {name: len(said) for name, said in words.items()} == dict.fromkeys(SAME, 1)


def test_what_records_worlds_starts_without_torch():
    code = "import sys, twospeed.cli.record, twospeed.cli.importing; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
