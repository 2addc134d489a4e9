import unicodedata

import pytest

from twospeed.core.errors import DataError
from twospeed.evaluation.videos.finding import find_clips, pictures_in


@pytest.fixture
def said():
    return []


def test_accents_are_the_same_however_a_system_writes_them(tmp_path, said):
    for form in ("NFC", "NFD"):
        folder = tmp_path / form
        folder.mkdir()
        (folder / unicodedata.normalize(form, "Küche.mp4")).touch()
        assert list(find_clips(folder, say=said.append)) == [unicodedata.normalize("NFC", "Küche")]
    assert not said


def test_the_second_of_a_name_is_one_line_that_names_both(tmp_path, said):
    for name in ("a.mp4", "a.gif", "b.mkv"):
        (tmp_path / name).touch()
    assert find_clips(tmp_path, say=said.append) == {
        "a": tmp_path / "a.gif",
        "b": tmp_path / "b.mkv",
    }
    assert said == [f"{tmp_path / 'a.mp4'}: a.gif has this name too, and is taken; left out"]


def test_what_a_system_leaves_beside_pictures_and_videos_is_no_clip(tmp_path, said):
    folder = tmp_path / "frames"
    folder.mkdir()
    for name in ("._1.png", "1.png", "notes.txt"):
        (folder / name).touch()
    (tmp_path / "._frames.mp4").touch()
    assert find_clips(tmp_path, say=said.append) == {"frames": folder}
    assert pictures_in(folder) == [folder / "1.png"]


def test_a_folder_of_pictures_and_a_file_are_one_clip(tmp_path, said):
    (tmp_path / "1.png").touch()
    assert find_clips(tmp_path, say=said.append) == {tmp_path.name: tmp_path}
    assert find_clips(tmp_path / "1.png", say=said.append) == {"1": tmp_path / "1.png"}
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no video"):
        find_clips(tmp_path / "empty", say=said.append)
