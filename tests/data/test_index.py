import json
import logging

import pytest

from twospeed.core.errors import DataError
from twospeed.data.index import read_episodes, read_index, write_index
from twospeed.data.shards import write_shard
from twospeed.data.statistics import describe


@pytest.fixture
def folder(tmp_path, make_episode):
    """Three shards of two episodes each."""
    for number in range(3):
        write_shard(tmp_path / f"{number}.tar", map(make_episode, (2 * number, 2 * number + 1)))
    write_index(tmp_path)
    return tmp_path


def test_all_episodes_are_streamed_in_order(folder, make_episode, same):
    found = list(read_episodes(folder, on_damage=pytest.fail))
    assert all(map(same, found, map(make_episode, range(6))))
    assert [entry.seeds for entry in read_index(folder)] == [(0, 1), (2, 3), (4, 5)]


def cut_in_half(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut_in_half, "bytes instead of"),
        (flip_a_byte, "checksum is wrong"),
        (lambda path: path.unlink(), "it is missing"),
        (lambda path: path.write_bytes(b""), "0 bytes instead of"),
    ],
    ids=["cut in half", "flipped byte", "missing", "empty"],
)
def test_a_damaged_shard_is_named_and_the_others_are_read(folder, damage, reason):
    damage(folder / "1.tar")
    lines = []
    found = list(read_episodes(folder, on_damage=lines.append))
    assert [episode.seed for episode in found] == [0, 1, 4, 5]
    assert len(lines) == 1
    assert str(folder / "1.tar") in lines[0]
    assert reason in lines[0]
    assert "\n" not in lines[0]


def test_damage_is_logged_when_nobody_asks_for_it(folder, caplog):
    cut_in_half(folder / "1.tar")
    with caplog.at_level(logging.WARNING):
        assert len(list(read_episodes(folder))) == 4
    assert "1.tar is skipped" in caplog.text


def test_a_folder_without_a_whole_shard_is_refused(folder):
    for path in folder.glob("*.tar"):
        cut_in_half(path)
    with pytest.raises(DataError, match="none of its 3 shards can be read"):
        list(read_episodes(folder, on_damage=lambda _: None))


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(DataError, match="has no index"):
        read_episodes(tmp_path)
    with pytest.raises(DataError, match="holds no shard"):
        write_index(tmp_path)


@pytest.mark.parametrize("change", [{"version": 2}, {"format": "other"}, {"version": None}])
def test_another_version_is_refused_with_both_versions(folder, change):
    path = folder / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match="this program reads 'twospeed-episodes' version 1"):
        read_episodes(folder)


@pytest.mark.parametrize(
    "content", ["", "[]", '{"format": "twospeed-episodes", "version": 1}', None], ids=repr
)
def test_a_damaged_index_is_one_clear_error(folder, content):
    path = folder / "index.json"
    path.write_text(path.read_text().replace("sha256", "sha") if content is None else content)
    with pytest.raises(DataError, match=r"index\.json"):
        read_episodes(folder)


def test_an_index_is_not_built_over_a_damaged_shard(folder):
    before = (folder / "index.json").read_bytes()
    cut_in_half(folder / "2.tar")
    with pytest.raises(DataError, match=r"2\.tar"):
        write_index(folder)
    assert (folder / "index.json").read_bytes() == before


def test_statistics_count_what_is_whole(folder):
    found = describe(folder)
    assert (found.num_episodes, found.num_frames, found.num_clips) == (6, 78, 18)
    assert found.frames_of_episode == (13, 13, 13)
    assert found.seconds == 78 / 4
    assert sum(found.actions.values()) == 18
    assert found.words["go"] == found.actions["go forward"]
    assert found.worlds == {"noise": 6}
    assert found.damaged == ()
    flip_a_byte(folder / "0.tar")
    assert describe(folder).num_episodes == 4
    assert len(describe(folder).damaged) == 1
