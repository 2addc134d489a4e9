import json

from twospeed.cli import worlds as command
from twospeed.cli.app import main
from twospeed.worlds.registry import WORLDS


def test_the_list_holds_every_world_with_its_facts(tmp_path, capsys):
    path = tmp_path / "worlds.json"
    assert main(["worlds", "--json", str(path), "--seconds", "0.01"]) == 0
    found = json.loads(path.read_text())
    assert set(found) == set(WORLDS)
    for name, facts in found.items():
        assert facts["actions"] == list(WORLDS[name].actions)
        assert facts["truth"]
        assert facts["installed"] == (facts["frames_per_second_64"] is not None)
        assert facts["frames_per_second_64"] is None or facts["frames_per_second_64"] > 0
    assert found["rooms"]["installed"]
    printed = capsys.readouterr().out
    assert printed.startswith(f"{len(WORLDS)} worlds")
    assert printed.count("\n") == 1


def test_an_engine_that_cannot_start_is_one_line_beside_the_others(tmp_path, monkeypatch, capsys):
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\ncase "$*" in *importlib*) echo 6.1.34;; *) echo no GL >&2; exit 3;; esac\n'
    )
    python.chmod(0o755)
    monkeypatch.setenv("TWOSPEED_DUCKIETOWN_PYTHON", str(python))
    monkeypatch.setattr(command, "WORLDS", {it: WORLDS[it] for it in ("duckietown", "rooms")})
    path = tmp_path / "worlds.json"
    assert main(["worlds", "--json", str(path), "--seconds", "0.01"]) == 0
    found = json.loads(path.read_text())
    assert not found["duckietown"]["installed"]
    assert found["duckietown"]["version"] == "6.1.34"
    message = "Duckietown has ended (exit code 3); the last that it wrote: no GL"
    assert found["duckietown"]["problem"] == message
    assert found["rooms"]["installed"]
    assert "2 worlds, 1 of them installed" in capsys.readouterr().out


def test_without_a_file_a_table_is_shown(capsys):
    assert main(["worlds", "--seconds", "0.01"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in WORLDS)
    assert "frames/s at 64 pixels: one process" in shown
