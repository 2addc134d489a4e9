import itertools
import math

import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.worldmodel.diffusion import DiffusionConfig, NoiseSchedule, target_of
from twospeed.worldmodel.sampler import (
    DDIMSteps,
    SecondOrderSteps,
    sample,
    sample_ddim,
    spaced_levels,
)

SPREAD = 0.5
"""Standard deviation of the Gaussian data, for which the path is known."""


def gaussian_predictor(schedule, spread=SPREAD):
    """Predict as the best network would if the data were normal with this deviation."""

    def predict(noisy, level):
        signal = schedule.signal(level).to(noisy)[:, None, :, None, None]
        clean = noisy * signal.sqrt() * spread**2 / (signal * spread**2 + 1 - signal)
        noise = (noisy - signal.sqrt() * clean) / (1 - signal).sqrt().clamp_min(1e-9)
        return target_of(
            clean,
            noise,
            signal_BT=schedule.signal(level).to(noisy),
            prediction_type=schedule.prediction_type,
        )

    return predict


def exact(noise, start, end, spread=SPREAD):
    """Where the path takes noise of level `start`: the ratio of the deviations at both ends."""
    deviations = [(signal * spread**2 + 1 - signal).sqrt() for signal in (start, end)]
    return noise * deviations[1] / deviations[0]


def solve(schedule, levels, way=lambda steps: steps, spread=SPREAD):
    noise = torch.full((1, 1, 2, 1, 1), 1.7, dtype=torch.float64)
    past = torch.zeros(1, 1, 1, 1, 1, dtype=torch.float64)
    steps = way(DDIMSteps(schedule, levels))
    done = sample(gaussian_predictor(schedule, spread), noise, past_BCTHW=past, steps=steps)
    want = exact(noise, *schedule.signals[[levels[0], levels[-1]]].double(), spread)
    return (done - want).abs().max().item()


@pytest.mark.parametrize("prediction_type", ["v_prediction", "sample"])
def test_ddim_is_of_first_order_on_gaussian_data(prediction_type):
    schedule = NoiseSchedule.of(DiffusionConfig(prediction_type=prediction_type))
    schedule.signals = schedule.signals.double()
    errors = [solve(schedule, spaced_levels(1000, count)) for count in (25, 50, 100, 200)]
    orders = [math.log2(one / two) for one, two in itertools.pairwise(errors)]
    assert orders == pytest.approx([1, 1, 1], abs=0.2)
    assert errors[-1] < 0.02


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "sample"])
def test_two_steps_together_are_of_second_order(prediction_type):
    config = DiffusionConfig(prediction_type=prediction_type, rescale_betas_zero_snr=False)
    schedule = NoiseSchedule.of(config)
    schedule.signals = schedule.signals.double()
    levels = [range(900, 99, -step) for step in (40, 20, 10)]
    errors = [solve(schedule, list(it), SecondOrderSteps) for it in levels]
    orders = [math.log2(one / two) for one, two in itertools.pairwise(errors)]
    assert orders == pytest.approx([2, 2], abs=0.4)
    assert errors[0] < solve(schedule, list(levels[2]))


def test_from_pure_noise_to_clean_the_ends_are_those_of_ddim():
    schedule = NoiseSchedule.of(DiffusionConfig())
    schedule.signals = schedule.signals.double()
    for count in (1, 2):
        levels = spaced_levels(1000, count)
        assert solve(schedule, levels, SecondOrderSteps) == solve(schedule, levels)
    levels = spaced_levels(1000, 8)
    assert solve(schedule, levels, SecondOrderSteps) < solve(schedule, levels)


def test_one_step_from_pure_noise_gives_the_mean_of_the_data():
    schedule = NoiseSchedule.of(DiffusionConfig())
    noise = torch.randn(2, 3, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    done = sample_ddim(
        gaussian_predictor(schedule),
        noise,
        past_BCTHW=noise[:, :, :1],
        schedule=schedule,
        levels=[1000, 0],
    )
    torch.testing.assert_close(done, torch.zeros_like(done), atol=1e-3, rtol=0)


def test_the_network_sees_clean_past_frames_at_every_step():
    schedule = NoiseSchedule.of(DiffusionConfig())
    past = torch.randn(2, 3, 2, 2, 2, generator=torch.Generator().manual_seed(1))
    seen = []

    def predict(noisy, level):
        seen.append(level[0, 0].item())
        assert torch.equal(noisy[:, :, :2], past)
        assert (level[:, 2:] > 0).all()
        return torch.zeros_like(noisy)

    done = sample_ddim(
        predict,
        torch.ones(2, 3, 4, 2, 2),
        past_BCTHW=past,
        schedule=schedule,
        levels=spaced_levels(1000, 3),
        past_level=20,
    )
    assert seen == [20, 20, 20]
    assert done.shape == (2, 3, 4, 2, 2)


def test_levels_fall_evenly_to_zero():
    assert spaced_levels(1000, 4) == [1000, 750, 500, 250, 0]
    for count in (0, 1001):
        with pytest.raises(ConfigError, match="1 to 1000"):
            spaced_levels(1000, count)


def test_a_shift_leaves_both_ends_and_takes_more_steps_where_noise_is_great():
    even = DDIMSteps(NoiseSchedule.of(DiffusionConfig()), spaced_levels(1000, 8))
    shifted = even.shifted(3)
    assert shifted.levels == [1000, 955, 900, 833, 750, 643, 500, 300]
    assert list(shifted.after) == [*shifted.levels[1:], 0]
    assert even.shifted(1).levels == even.levels
    assert shifted.shifted(1 / 3).levels == pytest.approx(even.levels, abs=1)


def test_levels_that_a_shift_brings_together_are_one_step():
    every = DDIMSteps(NoiseSchedule.of(DiffusionConfig()), spaced_levels(1000, 1000)).shifted(9)
    assert len(set(every.levels)) == len(every.levels) < 1000
    assert every.levels[0] == 1000
    assert every.after[-1] == 0


def test_a_shift_solves_data_of_great_deviation_better():
    schedule = NoiseSchedule.of(DiffusionConfig())
    schedule.signals = schedule.signals.double()
    levels = spaced_levels(1000, 8)
    even, shifted = (
        solve(schedule, levels, way, spread=4) for way in (lambda it: it, lambda it: it.shifted(3))
    )
    assert shifted < 0.7 * even
