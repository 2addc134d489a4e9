import numpy as np
import pytest

from twospeed.core.errors import ConfigError
from twospeed.data.clip import clip_of, cut_clips


def test_every_chunk_is_one_clip_and_the_pasts_end_where_the_chunks_begin(make_episode):
    episode = make_episode(1, num_chunks=5)
    clips = cut_clips(episode, generator=np.random.default_rng(0))
    assert [clip.action for clip in clips] == list(episode.actions)
    assert np.array_equal(np.concatenate([clip.new for clip in clips]), episode.frames[1:])
    for index, clip in enumerate(clips):
        end = 1 + 4 * index
        assert np.array_equal(clip.past, episode.frames[end - len(clip.past) : end])


def test_the_first_past_is_the_single_first_frame_and_later_ones_have_every_length(make_episode):
    generator = np.random.default_rng(0)
    cuts = [cut_clips(make_episode(seed, num_chunks=8), generator=generator) for seed in range(20)]
    assert {len(clips[0].past) for clips in cuts} == {1}
    assert {len(clip.past) for clips in cuts for clip in clips[1:]} == {1, 2, 3, 4}


def test_max_past_bounds_the_lengths(make_episode):
    clips = cut_clips(
        make_episode(0, num_chunks=30), generator=np.random.default_rng(0), max_past=2
    )
    assert {len(clip.past) for clip in clips} == {1, 2}


def test_the_same_generator_gives_the_same_clips(make_episode):
    episode = make_episode(0, num_chunks=9)
    lengths = [
        [len(clip.past) for clip in cut_clips(episode, generator=np.random.default_rng(5))]
        for _ in range(2)
    ]
    assert lengths[0] == lengths[1]


def test_an_episode_without_actions_gives_no_clip(make_episode):
    episode = make_episode(0, num_chunks=0)
    assert cut_clips(episode, generator=np.random.default_rng(0)) == []


@pytest.mark.parametrize("max_past", [0, 5])
def test_a_past_longer_than_a_chunk_is_refused(make_episode, max_past):
    with pytest.raises(ConfigError, match="max_past must be 1 to 4"):
        cut_clips(make_episode(0), generator=np.random.default_rng(0), max_past=max_past)


def test_a_clip_that_does_not_exist_is_refused(make_episode):
    with pytest.raises(ConfigError, match="there are 3 chunks, got chunk 3"):
        clip_of(make_episode(0), 3, num_past=1)
    with pytest.raises(ConfigError, match="chunk 0 has a past of 1 to 1 frames, got 2"):
        clip_of(make_episode(0), 0, num_past=2)
