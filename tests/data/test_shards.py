import json
import tarfile

import numpy as np
import pytest
import webdataset

from twospeed.core.errors import DataError
from twospeed.core.video import read_video
from twospeed.data.lossless import pack_frames, unpack_frames
from twospeed.data.shards import read_notes, read_shard, write_shard


@pytest.mark.parametrize("size", [(1, 2, 2), (3, 8, 6), (5, 17, 31)])
def test_packed_frames_come_back_bit_for_bit(size):
    frames = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    packed = pack_frames(frames, frames_per_second=12.5)
    assert np.array_equal(unpack_frames(packed), frames)
    assert pack_frames(frames, frames_per_second=12.5) == packed


@pytest.mark.parametrize("keep", [0, 10, 300])
def test_a_cut_video_is_refused(keep):
    packed = pack_frames(np.zeros((3, 8, 8, 3), np.uint8), frames_per_second=4)
    with pytest.raises(DataError, match="cannot be read"):
        unpack_frames(packed[:keep])


@pytest.mark.parametrize("with_poses", [True, False])
def test_episodes_come_back_bit_for_bit(tmp_path, make_episode, same, with_poses):
    episodes = [make_episode(seed, num_chunks=seed, with_poses=with_poses) for seed in range(4)]
    write_shard(tmp_path / "a.tar", episodes)
    found = list(read_shard(tmp_path / "a.tar"))
    assert len(found) == 4
    assert all(map(same, episodes, found))


def test_the_same_episodes_give_the_same_file(tmp_path, make_episode):
    for name in ("a.tar", "b.tar"):
        write_shard(tmp_path / name, map(make_episode, range(3)))
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_a_sample_is_a_video_and_json_that_other_tools_open(tmp_path, make_episode):
    episode = make_episode(3)
    write_shard(tmp_path / "a.tar", [episode])
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert tar.getnames() == ["noise-000000003.mkv", "noise-000000003.json"]
        tar.extractall(tmp_path, filter="data")
    assert np.array_equal(read_video(tmp_path / "noise-000000003.mkv"), episode.frames)
    notes = json.loads((tmp_path / "noise-000000003.json").read_text())
    assert tuple(notes["actions"]) == episode.actions
    assert notes["num_frames"] == 13


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # webdataset leaves it open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_webdataset_library_reads_a_shard(tmp_path, make_episode):
    write_shard(tmp_path / "a.tar", map(make_episode, range(3)))
    samples = list(webdataset.WebDataset(str(tmp_path / "a.tar"), shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [f"noise-{i:09d}" for i in range(3)]
    assert np.array_equal(unpack_frames(samples[2]["mkv"]), make_episode(2).frames)


def test_a_writer_that_fails_leaves_nothing(tmp_path, make_episode):
    def failing():
        yield make_episode(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path / "a.tar", failing())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read", [read_shard, read_notes])
def test_a_missing_and_a_foreign_file_are_refused(tmp_path, read):
    with pytest.raises(DataError, match="missing"):
        list(read(tmp_path / "none.tar"))
    (tmp_path / "text.tar").write_text("no tar at all" * 100)
    with pytest.raises(DataError, match="damaged"):
        list(read(tmp_path / "text.tar"))


def test_a_sample_whose_notes_do_not_fit_its_video_is_refused(tmp_path, make_episode):
    write_shard(tmp_path / "a.tar", [make_episode(0)])
    content = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(content.replace(b'"chunk_frames": 4', b'"chunk_frames": 5'))
    with pytest.raises(DataError, match=r"seed 0 is damaged .*3 actions of 5 frames"):
        list(read_shard(tmp_path / "a.tar"))
