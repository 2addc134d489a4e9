import dataclasses

import numpy as np
import pytest

from twospeed.core.errors import DataError


def test_a_chunk_follows_the_first_frame(make_episode):
    episode = make_episode(0)
    assert [episode.chunk_of(i) for i in range(3)] == [slice(1, 5), slice(5, 9), slice(9, 13)]


def test_three_frames_are_an_episode_of_one_chunk_of_two(make_episode):
    assert len(make_episode(0, num_chunks=1, chunk_frames=2).frames) == 3


def test_a_single_frame_is_an_episode(make_episode):
    assert make_episode(0, num_chunks=0).actions == ()


def test_three_frames_with_chunks_of_four_are_refused_with_both_numbers(make_episode):
    episode = make_episode(7)
    with pytest.raises(DataError, match=r"3 actions of 4 frames.* make 13 frames, got 3"):
        dataclasses.replace(episode, frames=episode.frames[:3], poses=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": np.zeros((13, 8, 8, 3), np.float32)}, "should be uint8"),
        ({"frames": np.zeros((13, 8, 8), np.uint8)}, "should be uint8"),
        ({"poses": np.zeros((12, 3), np.float32)}, r"poses should be \(13, 3\), got \(12, 3\)"),
        ({"chunk_frames": 0}, "at least 1"),
        ({"frames_per_second": 0.0}, "above 0"),
        ({"frames_per_second": float("nan")}, "above 0"),
    ],
)
def test_what_does_not_fit_is_refused(make_episode, change, message):
    with pytest.raises(DataError, match=message):
        dataclasses.replace(make_episode(0), **change)
