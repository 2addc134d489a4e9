import itertools

import torch

from twospeed.planning.imagining.replay import Seen, backwards


def seen(chunks=3, frames=4):
    count = 1 + frames * chunks
    latents = torch.arange(count, dtype=torch.float32).view(1, 1, count, 1, 1)
    return Seen(latents_1CTHW=latents, actions=("go forward",) * chunks, frames=frames)


def numbers(latents):
    return latents.flatten().tolist()


def test_the_way_back_shows_all_frames_in_reverse_and_then_stands_still():
    pairs = list(backwards(seen()))
    shown = [number for _, new in pairs for number in numbers(new)]
    assert shown == [*range(11, -1, -1), *[0] * 8]


def test_every_chunk_follows_on_the_one_that_was_shown_before():
    pairs = list(backwards(seen()))
    assert numbers(pairs[0][0]) == [9, 10, 11, 12]
    for (_, shown), (past, _) in itertools.pairwise(pairs[:-1]):
        assert torch.equal(past, shown)


def test_a_part_of_an_episode_is_one():
    part = seen().only([1, 2])
    assert numbers(part.latents_1CTHW) == [*range(4, 13)]
    assert numbers(part.before(0)) == [4]
    assert len(part.actions) == 2
