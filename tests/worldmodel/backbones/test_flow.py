"""Laws of flow matching, in float64."""

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler

from twospeed.core.errors import ConfigError
from twospeed.core.random import generator_of
from twospeed.worldmodel.backbones.flow import FlowSchedule
from twospeed.worldmodel.sampler import sample


def drawn(name):
    return torch.randn((2, 3, 4, 2, 2), generator=generator_of(name), dtype=torch.float64)


def flow(shift=3.0):
    return FlowSchedule(FlowMatchEulerDiscreteScheduler(shift=shift))


def test_what_is_noised_splits_into_what_it_was_made_of():
    clean, noise = drawn("clean"), drawn("noise")
    level = torch.tensor([[0.0, 250.0, 700.0, 999.0]]).repeat(2, 1).double()
    schedule = flow()
    noisy = schedule.noised(clean, noise, level)
    assert torch.equal(noisy[:, :, 0], clean[:, :, 0])
    velocity = schedule.target(clean, noise, level)
    for found, wanted in zip(schedule.split(noisy, velocity, level), (clean, noise), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)
    means = schedule.predicting(clean, noisy, level)[:, :, 1:]
    torch.testing.assert_close(means, velocity[:, :, 1:], rtol=1e-9, atol=1e-9)


def test_a_shift_moves_levels_up_and_leaves_both_ends():
    level = torch.tensor([[0, 500, 1000]])
    assert flow(1.0).placed(level).tolist() == [[0, 500, 1000]]
    assert flow(3.0).placed(level).tolist() == [[0, pytest.approx(750), pytest.approx(1000)]]


@pytest.mark.parametrize("kind", ["euler", "unipc"])
def test_the_true_velocity_leads_to_the_clean_frames(kind):
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    if kind == "unipc":
        scheduler = UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        )
    schedule, clean, noise = FlowSchedule(scheduler), drawn("clean"), drawn("noise")
    past = drawn("past")
    told = []

    def predict(noisy, level):
        told.append(level[0].tolist())
        assert torch.equal(noisy[:, :, :4], past)
        return torch.cat([past, noise - clean], dim=2)

    steps = schedule.steps(5, (3, 8, 2, 2))
    found = sample(predict, noise, past_BCTHW=past, steps=steps)
    torch.testing.assert_close(found, clean, rtol=1e-4, atol=1e-4)
    assert all(level[:4] == [0] * 4 and len(set(level[4:])) == 1 for level in told)


def test_steps_have_a_range():
    with pytest.raises(ConfigError, match="1 to 1000"):
        flow().steps(0, (3, 8, 2, 2))


def test_a_scheduler_that_cannot_take_one_step_says_so():
    stretched = FlowMatchEulerDiscreteScheduler(shift_terminal=0.1)
    with pytest.raises(ConfigError, match=r"cannot take 1 step\(s\): take 2 or more"):
        FlowSchedule(stretched).steps(1, (3, 8, 2, 2))
    assert len(FlowSchedule(stretched).steps(2, (3, 8, 2, 2)).levels) == 2
