import numpy as np
import pytest

from twospeed.core.errors import ConfigError
from twospeed.data.clip import clip_of


def test_every_chunk_is_one_clip_and_the_pasts_end_where_the_chunks_begin(make_episode):
    episode = make_episode(1, num_chunks=5)
    lengths = (1, 4, 2, 3, 1)
    clips = [clip_of(episode, index, num_past=past) for index, past in enumerate(lengths)]
    assert [clip.action for clip in clips] == list(episode.actions)
    assert np.array_equal(np.concatenate([clip.new for clip in clips]), episode.frames[1:])
    for index, (clip, length) in enumerate(zip(clips, lengths, strict=True)):
        end = 1 + 4 * index
        assert np.array_equal(clip.past, episode.frames[end - length : end])


def test_a_clip_that_does_not_exist_is_refused(make_episode):
    with pytest.raises(ConfigError, match="there are 3 chunks, got chunk 3"):
        clip_of(make_episode(0), 3, num_past=1)
    with pytest.raises(ConfigError, match="chunk 0 has a past of 1 to 1 frames, got 2"):
        clip_of(make_episode(0), 0, num_past=2)
