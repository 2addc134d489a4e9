from dataclasses import replace

import pytest
import torch
from torch import nn

from twospeed.core.random import initial_weights_of
from twospeed.training.loop import run_loop
from twospeed.training.loop_config import LoopConfig
from twospeed.training.muon import Muon, is_matrix, orthogonal

CONFIG = LoopConfig(steps=30, learning_rate=0.01, checkpoint_minutes=0.0, optimizer="muon")


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def net_of_both_kinds():
    with initial_weights_of(0):
        return nn.Sequential(nn.Conv1d(4, 16, 4), nn.Flatten(), nn.Linear(16, 16))


def train(out, killing):
    net = net_of_both_kinds()

    def loss_of(step, generator):  # noqa: ARG001
        batch = torch.randn(8, 4, 4, generator=generator)
        return (net(batch) - batch.flatten(1)).square().mean()

    run_loop(net, killing(loss_of), CONFIG, out=out)
    return net.state_dict()


def steps_of(kind, weight, gradients, **options):
    """The weight after AdamW or Muon has taken a step for each gradient."""
    learned = nn.Parameter(weight.clone())
    optimizer = kind([learned], **options)
    for gradient in gradients:
        learned.grad = gradient.clone()
        optimizer.step()
    return learned.detach()


@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (48, 48)])
def test_every_direction_of_a_step_is_of_about_one_size(shape):
    matrix = random(*shape)
    values = torch.linalg.svdvals(orthogonal(matrix))
    assert values.max() < 1.3
    assert values.median() > 0.6
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    alike = torch.cosine_similarity(orthogonal(matrix).flatten(), (left @ right).flatten(), dim=0)
    assert alike > 0.9


def test_the_size_of_a_gradient_does_not_matter_and_none_is_no_step():
    matrix = random(16, 32)
    torch.testing.assert_close(orthogonal(1e-6 * matrix), orthogonal(matrix), atol=0.02, rtol=0)
    assert not orthogonal(torch.zeros(16, 32)).any()


def test_a_step_on_a_matrix_follows_the_definition():
    weight, gradients = random(16, 2, 24), [random(16, 2, 24, seed=it) for it in (1, 2)]
    moved = steps_of(Muon, weight, gradients, lr=0.1, betas=(0.9, 0.99), weight_decay=0.5)
    expected, average = weight.clone(), torch.zeros_like(weight)
    for gradient in gradients:
        average = 0.9 * average + 0.1 * gradient
        turned = orthogonal((0.1 * gradient + 0.9 * average).flatten(1)).view_as(weight)
        expected = (1 - 0.1 * 0.5) * expected - 0.1 * 0.2 * 48**0.5 * turned
    torch.testing.assert_close(moved, expected)


def test_its_steps_are_as_large_as_those_of_adamw():
    weight, gradients = torch.zeros(64, 64), [random(64, 64, seed=it) for it in range(20)]
    sizes = [
        steps_of(kind, weight, gradients, lr=0.1, weight_decay=0.0).square().mean().sqrt()
        for kind in (Muon, torch.optim.AdamW)
    ]
    assert 0.3 < sizes[0] / sizes[1] < 3


@pytest.mark.parametrize("shape", [(64,), (64, 3), (8, 8, 8)])
def test_all_but_matrices_take_the_steps_of_adamw(shape):
    weight, gradients = random(*shape), [random(*shape, seed=it) for it in (1, 2)]
    assert not is_matrix(weight)
    one, other = (
        steps_of(kind, weight, gradients, lr=0.1, weight_decay=0.5)
        for kind in (Muon, torch.optim.AdamW)
    )
    torch.testing.assert_close(one, other, atol=0, rtol=0)


def test_a_closure_is_asked_for_gradients_and_its_loss_is_given_back():
    weight = nn.Parameter(random(16, 16))
    before = weight.detach().clone()

    def closure():
        loss = weight.square().sum()
        loss.backward()
        return loss

    assert Muon([weight], lr=0.01).step(closure) == before.square().sum()
    assert weight.square().sum() < before.square().sum()


def test_a_run_that_was_killed_ends_as_if_it_had_not_been(whole_after_kills):
    whole = whole_after_kills(train, 17)
    start = net_of_both_kinds().state_dict()
    assert not any(torch.equal(value, whole[name]) for name, value in start.items())


def test_a_stretched_problem_is_solved_in_fewer_steps(tmp_path):
    stretch = torch.linalg.qr(random(16, 16)).Q * torch.logspace(0, -2, 16)

    def loss_after(name):
        net = nn.Linear(16, 16, bias=False)
        nn.init.zeros_(net.weight)

        def loss_of(step, generator):  # noqa: ARG001
            batch = torch.randn(64, 16, generator=generator) @ stretch
            return (net(batch) - batch).square().mean()

        run_loop(net, loss_of, replace(CONFIG, steps=200, optimizer=name), out=tmp_path / name)
        return loss_of(0, torch.Generator().manual_seed(0)).item()

    assert loss_after("muon") < loss_after("adamw")
