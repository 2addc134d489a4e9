"""Names of strangers, before they become places on disk."""

import pytest

from twospeed.core.errors import DataError
from twospeed.core.strangers.places import check_bare, check_inside, place_below

CLIMBING = ["../x.tar", "..", "/etc/x.tar", "a/x.tar", "a\\x.tar", ".x.tar", "", ".tar", "x.tar\n",
            "x\0.tar", "\x1b[2Jx.tar", "x.tar/..", "C:x.tar", "~/x.tar", "%2e%2e/x.tar",
            "a" * 300 + ".tar", "x.zip", None, 3, ["x.tar"]]  # fmt: skip


@pytest.mark.parametrize("name", CLIMBING, ids=repr)
def test_only_bare_names_are_taken(name):
    with pytest.raises(DataError, match="a shard is") as caught:
        check_bare(name, ".tar", "a shard")
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", ["rooms-000-031.tar", "a b.tar", "ä_1+2=3@x.y.tar"])
def test_usual_names_are_taken_as_they_are(name):
    assert check_bare(name, ".tar", "a shard") == name


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a\\..\\x", "a\0b", "x" * 300, "a\n"])
def test_no_path_leaves_its_folder(tmp_path, name):
    with pytest.raises(DataError, match="no place below"):
        place_below(tmp_path, name, "data_path")


def test_a_path_below_a_folder(tmp_path):
    assert place_below(tmp_path, "a/b.mp4", "video_path") == tmp_path / "a" / "b.mp4"


@pytest.mark.parametrize("name", ["file", "folder/inner", "circle"])
def test_links_that_lead_out_are_refused(tmp_path, name):
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (other / "inner").touch()
    (root / "file").symlink_to(other / "inner")
    (root / "folder").symlink_to(other)
    (root / "circle").symlink_to(root / "circle")
    if name == "circle":
        with pytest.raises(DataError, match="cannot be followed"):
            place_below(root, name, "it")
        return
    with pytest.raises(DataError, match="leads out of root"):
        place_below(root, name, "it")


def test_links_inside_a_folder_and_of_a_hub_s_cache_are_followed(tmp_path):
    snapshot, blobs = tmp_path / "snapshots" / "c0ffee", tmp_path / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "1").touch()
    (snapshot / "x").symlink_to("../../blobs/1")
    (snapshot / "y").symlink_to("x")
    for name in ("x", "y"):
        check_inside(snapshot / name, snapshot, "it")
