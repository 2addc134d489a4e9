import numpy as np
import pytest

from twospeed.core.errors import DataError
from twospeed.data.episode import Episode
from twospeed.data.recorder import record
from twospeed.data.recording import RecordingConfig
from twospeed.planning.recorded import PARTS, is_still, note_of, part_of, read_parts


def test_parts_share_no_episode(shards):
    parts = read_parts(shards, most_episodes=100)
    assert set(parts) == set(PARTS)
    assert {part: len(those) for part, those in parts.items()} == {
        "training": 28,
        "calibration": 2,
        "testing": 2,
    }
    assert [part_of(seed) for seed in (0, 7, 15, 23, 31)] == [
        "training", "calibration", "testing", "calibration", "testing",
    ]  # fmt: skip


def test_episodes_for_testing_are_refused(tmp_path):
    config = RecordingConfig(world="rooms", episodes=1, first_seed=800_000, chunks=1, frame_size=16)
    record(config, tmp_path / "shards")
    with pytest.raises(DataError, match="for testing"):
        read_parts(tmp_path / "shards", most_episodes=10)


def test_too_few_episodes_are_one_line(shards):
    with pytest.raises(DataError, match="record 32 or more"):
        read_parts(shards, most_episodes=4)


def test_several_places_are_read_in_turn(shards, tmp_path):
    other = tmp_path / "other"
    config = RecordingConfig(
        world="rooms", episodes=16, first_seed=96, chunks=4, frame_size=16, episodes_per_shard=4
    )
    record(config, other)
    parts = read_parts([shards, other], most_episodes=32)
    seeds = sorted(it.seed for those in parts.values() for it in those)
    assert seeds == [*range(16), *range(96, 112)]
    assert note_of([shards]) == note_of(shards)
    assert note_of([shards, other]) == [note_of(shards), note_of(other)]


def test_sizes_that_differ_are_one_line(shards, larger_shards):
    with pytest.raises(DataError, match="frames of one size, got"):
        read_parts([shards, larger_shards], most_episodes=64)


def test_a_chunk_is_still_when_nothing_in_it_changes():
    frames = np.zeros((9, 8, 8, 3), np.uint8)
    frames[6:] = 9
    episode = Episode(
        frames=frames,
        actions=("go forward", "go forward"),
        world="rooms",
        seed=0,
        frames_per_second=4.0,
    )
    assert [is_still(episode, index) for index in (0, 1)] == [True, False]
