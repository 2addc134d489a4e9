import pytest
import torch

from twospeed.memory.adam import Adam


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9)])
def test_our_adam_is_torchs_adam_in_float64(betas):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64)
    ours, theirs = start.clone(), start.clone().requires_grad_()
    mine = Adam([ours], betas=betas)
    reference = torch.optim.Adam([theirs], lr=0.05, betas=betas)
    for _ in range(7):
        gradient = torch.randn(start.shape, generator=generator, dtype=torch.float64)
        mine.step_([gradient], torch.full((2,), 0.05, dtype=torch.float64))
        theirs.grad = gradient
        reference.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-12, atol=1e-12)


def test_an_episode_held_back_does_not_move_at_all():
    generator = torch.Generator().manual_seed(0)
    tensor = torch.randn(2, 3, 4, generator=generator)
    before = tensor.clone()
    adam = Adam([tensor], betas=(0.9, 0.99))
    adam.step_([torch.ones_like(tensor)], torch.tensor([0.1, 0.0]))
    assert torch.equal(tensor[1], before[1])
    assert not torch.equal(tensor[0], before[0])
    assert adam.steps_E.tolist() == [1, 0]
    assert not adam.first[0][1].any()


def test_its_state_can_be_taken_over():
    tensor = torch.zeros(1, 2, 2)
    adam = Adam([tensor], betas=(0.9, 0.99))
    adam.step_([torch.ones_like(tensor)], torch.tensor([0.1]))
    other = Adam([tensor.clone()], betas=(0.9, 0.99))
    other.load_state_(adam.state(0), 0)
    for one in (adam, other):
        one.step_([torch.full_like(tensor, 2.0)], torch.tensor([0.1]))
    assert torch.equal(adam.tensors[0], other.tensors[0])
    adam.reset_()
    assert not any(value.any() for value in adam.state(0).values())
