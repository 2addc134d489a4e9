from pathlib import Path

import numpy as np
import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.terminator.fit.kar import Kar2, Kar3

TRAJECTORIES = np.load(Path(__file__).parents[1] / "fixtures" / "kar_trajectory.npz")


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("kar2", lambda params: Kar2(params, lr=0.03, beta=0.95)),
        ("kar3", lambda params: Kar3(params, lr=0.03, betas=(0.5, 0.95))),
    ],
)
def test_stored_gradients_give_the_stored_path(name, make):
    theta = torch.nn.Parameter(torch.from_numpy(TRAJECTORIES[f"{name}/theta"][0].copy()))
    optimizer = make([theta])
    for step, gradient in enumerate(TRAJECTORIES[f"{name}/grad"], start=1):
        theta.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        got = {"theta": theta.detach(), **optimizer.state[theta]}
        for part, values in got.items():
            want = TRAJECTORIES[f"{name}/{part}"][step]
            np.testing.assert_allclose(values.numpy(), want, rtol=0, atol=1e-12)


def test_recomputed_gradients_give_the_stored_losses():
    M, c = (torch.from_numpy(TRAJECTORIES[f"problem/{part}"]) for part in "Mc")
    theta = torch.nn.Parameter(torch.from_numpy(TRAJECTORIES["kar3/theta"][0].copy()))
    optimizer = Kar3([theta], lr=0.03)

    def closure():
        optimizer.zero_grad()
        loss = theta @ M @ theta / 2 - c @ theta
        loss.backward()
        return loss.item()

    losses = [optimizer.step(closure) for _ in range(12)]
    np.testing.assert_allclose(losses, TRAJECTORIES["kar3/loss"], rtol=1e-12)


def test_many_parameters_move_as_each_would_alone(generator):
    starts = [torch.randn(3, generator=generator), torch.randn(2, 2, generator=generator)]

    def run(groups):
        parts = [[torch.nn.Parameter(starts[i].clone()) for i in group] for group in groups]
        optimizers = [Kar3(part, lr=0.1) for part in parts]
        for _ in range(3):
            for part, optimizer in zip(parts, optimizers, strict=True):
                for parameter in part:
                    parameter.grad = parameter.detach() ** 3
                optimizer.step()
        return [parameter.detach() for part in parts for parameter in part]

    assert all(map(torch.equal, run([[0, 1]]), run([[0], [1]])))


def test_state_survives_a_round_trip():
    theta = torch.nn.Parameter(torch.ones(2))
    optimizer = Kar3([theta], lr=0.1)
    theta.grad = torch.tensor([1.0, -1.0])
    optimizer.step()
    other = Kar3([theta], lr=0.1)
    other.load_state_dict(optimizer.state_dict())
    assert torch.equal(other.state[theta]["m2"], optimizer.state[theta]["m2"])


def test_decay_shrinks_before_the_step():
    theta = torch.nn.Parameter(torch.tensor([2.0]))
    theta.grad = torch.zeros(1)
    Kar2([theta], lr=0.1, weight_decay=0.5).step()
    assert theta.item() == pytest.approx(1.9)


@pytest.mark.parametrize("bad", [{"lr": 0.0}, {"lr": 0.1, "betas": (1.0, 0.5)}])
def test_wrong_settings_are_refused(bad):
    with pytest.raises(ConfigError, match="must be"):
        Kar3([torch.nn.Parameter(torch.ones(1))], **bad)
