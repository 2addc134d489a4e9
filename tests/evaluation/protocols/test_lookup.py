import pytest
import torch

from twospeed.evaluation.protocols.lookup import LookUp


@pytest.fixture
def seen():
    """Latents of a first frame and three chunks: no two frames are alike."""
    return torch.randn(3, 13, 2, 2, generator=torch.Generator().manual_seed(0))


ACTIONS = ("turn left", "turn left", "go forward")


def test_the_same_walk_is_replayed_bit_for_bit(seen):
    table = LookUp(seen, ACTIONS)
    assert torch.equal(table.replay(seen[:, :1], ACTIONS), seen[:, 1:])
    assert torch.equal(table.replay(seen[:, 1:5], ACTIONS[1:]), seen[:, 5:])


def test_the_way_back_is_replayed_backwards(seen):
    back = LookUp(seen, ACTIONS).replay(seen[:, -4:], ("go back", "turn right", "turn right"))
    assert torch.equal(back, seen[:, :12].flip(1))


def test_a_command_that_was_never_seen_holds_the_last_frame(seen):
    made = LookUp(seen, ACTIONS).replay(seen[:, -4:], ("step left",))
    assert torch.equal(made, seen[:, -1:].expand(-1, 4, -1, -1))


def test_the_nearest_past_decides(seen):
    table = LookUp(seen, ACTIONS)
    near = seen[:, 1:5] + 0.01
    assert torch.equal(table.replay(near, ("turn left",)), seen[:, 5:9])
