import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from twospeed.core.errors import DataError
from twospeed.core.files import check_parents, read_json, sweep, write_json, written_aside
from twospeed.core.folders import FolderKind, folder_aside, recover


def test_a_failing_block_leaves_nothing_and_the_old_version_stays(tmp_path):
    write_json(tmp_path / "a.json", {"old": 1})
    with suppress(RuntimeError), written_aside(tmp_path / "a.json") as aside:
        aside.write_text("half")
        raise RuntimeError
    assert read_json(tmp_path / "a.json") == {"old": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_who_may_read_is_what_the_umask_says(tmp_path, umask):
    kind = FolderKind(name="a thing", files=("a.safetensors",), sign=lambda _: True)
    before = os.umask(umask)
    try:
        with written_aside(tmp_path / "a.safetensors") as aside:
            save_file({"a": torch.zeros(1)}, aside)
        with folder_aside(tmp_path / "f", kind) as folder:
            save_file({"a": torch.zeros(1)}, folder / "a.safetensors")
    finally:
        os.umask(before)
    for path in (tmp_path / "a.safetensors", tmp_path / "f" / "a.safetensors"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path):
    (tmp_path / ".f.old").mkdir()
    (tmp_path / ".f.old" / "x").write_text("x")
    recover(tmp_path / "f", FolderKind(name="a thing", files=("x",), sign=lambda _: True))
    assert (tmp_path / "f" / "x").read_text() == "x"
    assert not (tmp_path / ".f.old").exists()


def test_what_a_kill_left_is_swept(tmp_path):
    (tmp_path / ".f.123.part").mkdir()
    (tmp_path / ".a.123.part.npy").write_text("half")
    (tmp_path / "a.npy").write_text("whole")
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_hidden_files_of_other_programs_are_not_swept(tmp_path):
    for name in (".thesis.part", ".thesis.part.tex", ".thesis.2.parts"):
        (tmp_path / name).write_text("years of work")
    sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_behind_a_link_is_replaced_where_it_lies(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "a.json").symlink_to(tmp_path / "disk" / "b.json")
    write_json(tmp_path / "a.json", {"new": 1})
    assert read_json(tmp_path / "disk" / "b.json") == {"new": 1}


def test_a_device_is_no_place_for_a_file():
    with pytest.raises(DataError, match="no ordinary file"):
        write_json(Path(os.devnull), {})


def test_the_root_of_all_folders_is_a_place_like_others():
    check_parents(Path("/"))
    with pytest.raises(DataError, match="is a folder"):
        write_json(Path("/"), {})


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        write_json(tmp_path / "file" / "a.json", {})
