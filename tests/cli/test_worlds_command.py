import json

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


def test_without_a_file_a_table_is_shown(capsys):
    assert main(["worlds", "--seconds", "0.01"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in WORLDS)
    assert "frames/s at 64 pixels: one process" in shown
