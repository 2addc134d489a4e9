import pytest
import torch

from twospeed.planning.hand.clips import hand_clip
from twospeed.planning.hand.drawing import BETA, FRAMES, draw_hands, hand_loss


def batch(seed=0, count=2):
    generator = torch.Generator().manual_seed(seed)
    places = torch.randn(count, FRAMES, 3, generator=generator)
    closed = (torch.rand(count, FRAMES, generator=generator) > 0.5).float()
    shift = torch.randn(count, 1, 3, generator=generator)
    odds = 200 * (closed.flatten() - 0.5)
    return torch.cat([(places + shift).flatten(0, 1), odds[:, None]], 1), places, closed


def test_places_that_are_off_by_one_way_for_an_episode_cost_nothing():
    read, places, closed = batch()
    assert hand_loss(read, places, closed, closed=1.0).item() < 1e-6


@pytest.mark.parametrize("off", [0.04, 1.5])
def test_the_loss_of_one_frame_that_is_off_is_known(off):
    """Three of six pairs, along one of three axes: a sixth of the Huber loss of one difference."""
    read, places, closed = batch(count=1)
    read[2, 1] += off
    huber = off**2 / (2 * BETA) if off < BETA else off - BETA / 2
    loss = hand_loss(read, places, closed, closed=0.0)
    assert loss.item() == pytest.approx(huber / 6, rel=1e-4)


def test_not_to_know_whether_it_is_closed_costs_a_bit():
    read, places, closed = batch()
    read[:, 3] = 0
    loss = hand_loss(read, places, closed, closed=0.2)
    assert loss.item() == pytest.approx(0.2 * torch.tensor(2.0).log().item(), rel=1e-4)


def test_frames_of_a_batch_are_of_one_span_of_an_episode_and_drawn_by_the_seed(arm):
    clips = [hand_clip(arm(("move the gripper right",) * 6, seed=seed)) for seed in (0, 1)]

    def drawn(seed):
        generator = torch.Generator().manual_seed(seed)
        return draw_hands(clips, count=5, span=8, generator=generator)

    pixels, places, closed = drawn(3)
    assert (pixels.shape, places.shape, closed.shape) == (
        (5 * FRAMES, 3, 64, 64),
        (5, FRAMES, 3),
        (5, FRAMES),
    )
    assert (places.amax(1) - places.amin(1)).max() <= 7
    assert all(torch.equal(a, b) for a, b in zip(drawn(3), (pixels, places, closed), strict=True))
    assert not torch.equal(drawn(4)[1], places)
