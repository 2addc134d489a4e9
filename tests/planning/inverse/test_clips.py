import numpy as np

from twospeed.data.episode import Episode
from twospeed.planning.inverse.clips import clip_set


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


def test_the_first_clips_are_spread():
    clips = clip_set([episode(seed) for seed in range(4)], ("go forward", "turn left"))
    assert clips.first(2).starts_N.tolist() == [0, 31]
    assert len(clips.first(99)) == 8
