"""What stands in a target folder is replaced only when we wrote it."""

import os

import pytest

from twospeed.core.errors import DataError
from twospeed.core.files import write_json
from twospeed.core.folders import (
    FolderKind,
    check_folder,
    check_new,
    check_shared,
    folder_aside,
    note_in,
    recover,
)

THING = FolderKind(
    name="a thing",
    files=("sign", "old", "new", "part/*.bin"),
    sign=lambda folder: (folder / "sign").exists(),
)


def write(path, *names):
    with folder_aside(path, THING) as aside:
        for name in ("sign", *names):
            (aside / name).parent.mkdir(exist_ok=True)
            (aside / name).write_text(name)


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def test_a_folder_of_ours_is_replaced_as_a_whole(tmp_path):
    write(tmp_path / "f", "old", "part/a.bin")
    write(tmp_path / "f", "new")
    assert tree(tmp_path) == {"f": None, "f/sign": b"sign", "f/new": b"new"}


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "f").mkdir()
    write(tmp_path / "f", "new")
    assert (tmp_path / "f" / "new").exists()


@pytest.mark.parametrize("stranger", ["thesis.txt", "part/a.txt", "more/old", "part/deep/a.bin"])
def test_a_folder_that_holds_anything_else_stays(tmp_path, stranger):
    write(tmp_path / "f", "old", "part/a.bin")
    (tmp_path / "f" / stranger).parent.mkdir(exist_ok=True)
    (tmp_path / "f" / stranger).write_text("years of work")
    before = tree(tmp_path)
    with pytest.raises(DataError, match="no part of a thing; nothing was touched"):
        write(tmp_path / "f", "new")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/"), os.mkdir])
def test_a_link_a_pipe_and_an_empty_folder_are_strangers_too(tmp_path, make):
    write(tmp_path / "f")
    make(tmp_path / "f" / "old")
    with pytest.raises(DataError, match="nothing was touched"):
        write(tmp_path / "f")


def test_the_names_alone_do_not_make_a_folder_ours(tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "old").write_text("of another program")
    with pytest.raises(DataError, match="is not a thing"):
        check_folder(tmp_path / "f", THING)


def test_what_comes_into_the_folder_while_it_is_written_stays(tmp_path):
    write(tmp_path / "f", "old")
    with pytest.raises(DataError, match=r"thesis\.txt"), folder_aside(tmp_path / "f", THING):
        (tmp_path / "f" / "thesis.txt").write_text("years of work")
    assert tree(tmp_path / "f").keys() == {"sign", "old", "thesis.txt"}
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_folder_behind_a_link_is_replaced_where_it_lies(tmp_path):
    write(tmp_path / "disk" / "f", "old")
    (tmp_path / "f").symlink_to(tmp_path / "disk" / "f")
    write(tmp_path / "f", "new")
    assert (tmp_path / "f").is_symlink()
    assert tree(tmp_path / "disk" / "f").keys() == {"sign", "new"}


def test_neither_takes_the_place_of_the_other(tmp_path):
    (tmp_path / "file").write_text("years of work")
    with pytest.raises(DataError, match="is a file: name a folder"):
        write(tmp_path / "file")
    write(tmp_path / "f")
    with pytest.raises(DataError, match="is a folder: name a file"):
        write_json(tmp_path / "f", {})
    assert tree(tmp_path).keys() == {"file", "f", "f/sign"}


@pytest.mark.parametrize("place", [".", "..", "../.."])
def test_the_folder_one_is_in_is_not_replaced(tmp_path, monkeypatch, place):
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    with pytest.raises(DataError, match="the folder you are in"):
        write(tmp_path.__class__(place))


def test_names_that_no_system_takes_are_one_line(tmp_path):
    for name in ("a" * 300, "a\0b"):
        with pytest.raises(DataError):
            write(tmp_path / name)
        with pytest.raises(DataError):
            write_json(tmp_path / name, {})
    assert not any(tmp_path.iterdir())


def test_the_longest_name_that_the_system_takes_is_taken(tmp_path):
    write(tmp_path / ("a" * 255), "old")
    write(tmp_path / ("a" * 255), "new")
    write_json(tmp_path / ("b" * 250 + ".json"), {})
    assert {len(path.name) for path in tmp_path.iterdir()} == {255}


def test_recovery_takes_no_folder_that_is_not_ours(tmp_path):
    (tmp_path / ".f.old").mkdir()
    (tmp_path / ".f.old" / "thesis.txt").write_text("years of work")
    recover(tmp_path / "f", THING)
    write(tmp_path / "f")
    assert tree(tmp_path / ".f.old") == {"thesis.txt": b"years of work"}


def test_reading_never_removes_a_folder(tmp_path):
    for name in ("f", ".f.old"):
        write(tmp_path / name)
    recover(tmp_path / "f", THING)
    assert tree(tmp_path / ".f.old").keys() == {"sign"}


def test_names_of_ours_in_a_shared_folder_are_replaced_only_if_we_wrote_them(tmp_path):
    (tmp_path / "notes.txt").write_text("may stay")
    check_shared(tmp_path, THING)
    (tmp_path / "old").write_text("of another program")
    with pytest.raises(DataError, match="old is there and no part of a thing"):
        check_shared(tmp_path, THING)
    (tmp_path / "sign").write_text("")
    check_shared(tmp_path, THING)


def test_a_new_folder_is_one_that_is_not_there(tmp_path):
    check_new(tmp_path / "f")
    (tmp_path / "f").symlink_to("nowhere")
    with pytest.raises(DataError, match="is there already"):
        check_new(tmp_path / "f")


def test_a_claimed_folder_is_new_or_has_its_note(tmp_path):
    assert note_in(tmp_path / "f", "run.json") is None
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / ".run.123.part.json").write_text("what a kill left")
    assert note_in(tmp_path / "f", "run.json") is None
    (tmp_path / "f" / "thesis.txt").write_text("")
    with pytest.raises(DataError, match="holds other files"):
        note_in(tmp_path / "f", "run.json")
    write_json(tmp_path / "f" / "run.json", {"a": 1})
    assert note_in(tmp_path / "f", "run.json") == {"a": 1}
