from contextlib import suppress

import pytest

from twospeed.core.errors import DataError
from twospeed.core.files import read_json, recover, sweep, write_json, written_aside


def test_a_failing_block_leaves_nothing_and_the_old_version_stays(tmp_path):
    write_json(tmp_path / "a.json", {"old": 1})
    with suppress(RuntimeError), written_aside(tmp_path / "a.json") as aside:
        aside.write_text("half")
        raise RuntimeError
    assert read_json(tmp_path / "a.json") == {"old": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for text in ("old", "new"):
        with written_aside(tmp_path / "f") as aside:
            aside.mkdir()
            (aside / text).write_text(text)
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path):
    (tmp_path / ".f.old").mkdir()
    (tmp_path / ".f.old" / "x").write_text("x")
    recover(tmp_path / "f")
    assert (tmp_path / "f" / "x").read_text() == "x"
    assert not (tmp_path / ".f.old").exists()


def test_what_a_kill_left_is_swept(tmp_path):
    (tmp_path / ".f.123.part").mkdir()
    (tmp_path / ".a.123.part.npy").write_text("half")
    (tmp_path / "a.npy").write_text("whole")
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        write_json(tmp_path / "file" / "a.json", {})
