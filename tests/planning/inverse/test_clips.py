import numpy as np
import pytest

from twospeed.core.errors import DataError
from twospeed.data.episode import Episode
from twospeed.data.recorder import record
from twospeed.data.recording import RecordingConfig
from twospeed.planning.inverse.clips import PARTS, clip_set, part_of, read_clips


def episode(seed=0, *, actions=("go forward", "turn left"), moves=True, size=8):
    count = 1 + 4 * len(actions)
    frames = np.zeros((count, size, size, 3), np.uint8)
    if moves:
        frames += np.arange(count, dtype=np.uint8)[:, None, None, None] * 9
    return Episode(frames=frames, actions=actions, world="rooms", seed=seed, frames_per_second=4.0)


def test_a_clip_is_a_chunk_and_the_frame_before_it():
    clips = clip_set([episode(0), episode(1)], ("go forward", "turn left"))
    assert len(clips) == 4
    assert clips.labels_N.tolist() == [0, 1, 0, 1]
    second = clips.clips([1])[0]
    assert np.array_equal(second, episode().frames[4:9])
    assert clips.world == "rooms"


def test_a_chunk_that_shows_nothing_has_no_command():
    clips = clip_set([episode(moves=False)], ("go forward", "turn left"))
    assert clips.labels_N.tolist() == [2, 2]


def test_parts_share_no_episode(shards):
    parts = read_clips(shards, most_episodes=100)
    assert set(parts) == set(PARTS)
    assert {part: len(clips) // 4 for part, clips in parts.items()} == {
        "training": 28,
        "calibration": 2,
        "testing": 2,
    }
    assert [part_of(seed) for seed in (0, 7, 15, 23, 31)] == [
        "training", "calibration", "testing", "calibration", "testing",
    ]  # fmt: skip


def test_the_first_clips_are_spread():
    clips = clip_set([episode(seed) for seed in range(4)], ("go forward", "turn left"))
    assert clips.first(2).starts_N.tolist() == [0, 31]
    assert len(clips.first(99)) == 8


def test_episodes_for_testing_are_refused(tmp_path):
    config = RecordingConfig(world="rooms", episodes=1, first_seed=800_000, chunks=1, frame_size=16)
    record(config, tmp_path / "shards")
    with pytest.raises(DataError, match="for testing"):
        read_clips(tmp_path / "shards", most_episodes=10)


def test_too_few_episodes_are_one_line(shards):
    with pytest.raises(DataError, match="record 32 or more"):
        read_clips(shards, most_episodes=4)
