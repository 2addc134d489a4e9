import pytest
import torch

from twospeed.core.errors import ConfigError, DataError, ShapeError
from twospeed.worldmodel.diffusion import (
    PREDICTIONS,
    DiffusionConfig,
    NoiseSchedule,
    clean_and_noise,
    frame_loss,
    loss_weight,
    noise_frames,
    target_of,
)


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def test_the_schedule_begins_clean_ends_in_noise_and_never_grows():
    schedule = NoiseSchedule.of(DiffusionConfig())
    assert schedule.signals[0] == 1
    assert schedule.signals[-1] == pytest.approx(0, abs=1e-6)
    assert (schedule.signals.diff() <= 0).all()
    assert len(schedule.signals) == schedule.num_steps + 1


def test_a_clean_frame_stays_bit_equal_and_a_noise_frame_is_all_noise():
    clean, noise = draw(2, 3, 4, 2, 2), draw(2, 3, 4, 2, 2, seed=1)
    signal = torch.tensor([[1.0, 1.0, 0.0, 0.5]] * 2, dtype=torch.float64)
    noisy = noise_frames(clean, noise, signal_BT=signal)
    assert torch.equal(noisy[:, :, :2], clean[:, :, :2])
    assert torch.equal(noisy[:, :, 2], noise[:, :, 2])


def test_noising_keeps_unit_variance():
    clean, noise = draw(1, 8, 64, 16, 16), draw(1, 8, 64, 16, 16, seed=1)
    signal = torch.linspace(0, 1, 64, dtype=torch.float64)[None]
    variance = noise_frames(clean, noise, signal_BT=signal).square().mean((0, 1, 3, 4))
    torch.testing.assert_close(variance, torch.ones_like(variance), rtol=0.15, atol=0)


@pytest.mark.parametrize("prediction_type", PREDICTIONS)
def test_a_perfect_prediction_gives_clean_latents_and_noise_back(prediction_type):
    clean, noise = draw(2, 3, 4, 2, 2), draw(2, 3, 4, 2, 2, seed=1)
    signal = torch.tensor([[0.9, 0.5, 0.2, 0.05]] * 2, dtype=torch.float64)
    noisy = noise_frames(clean, noise, signal_BT=signal)
    target = target_of(clean, noise, signal_BT=signal, prediction_type=prediction_type)
    found = clean_and_noise(noisy, target, signal_BT=signal, prediction_type=prediction_type)
    torch.testing.assert_close(found, (clean, noise), rtol=1e-12, atol=1e-12)


def test_the_loss_counts_only_the_frames_that_count():
    prediction, target = draw(2, 3, 4, 2, 2), draw(2, 3, 4, 2, 2, seed=1)
    counts = torch.tensor([[False, True, True, False], [True, False, False, False]])
    loss = frame_loss(prediction, target, counts_BT=counts)
    by_hand = [
        (prediction[0, :, 1:3] - target[0, :, 1:3]).square().mean(),
        (prediction[1, :, 0] - target[1, :, 0]).square().mean(),
    ]
    torch.testing.assert_close(loss, torch.stack(by_hand), rtol=1e-12, atol=0)


def test_an_error_of_the_clean_latents_weighs_as_the_error_of_v_that_it_means():
    clean, noise, wrong = (draw(1, 3, 2, 2, 2, seed=seed) for seed in range(3))
    signal = torch.tensor([[0.8, 0.3]], dtype=torch.float64)
    noisy = noise_frames(clean, noise, signal_BT=signal)
    kept, added = (x.sqrt()[:, None, :, None, None] for x in (signal, 1 - signal))
    v_of = lambda guess: (kept * noisy - guess) / added  # noqa: E731
    counts = torch.ones(1, 2, dtype=torch.bool)
    weight = loss_weight(signal, "sample")
    as_sample = frame_loss(wrong, clean, counts_BT=counts, weight_BT=weight)
    torch.testing.assert_close(as_sample, frame_loss(v_of(wrong), v_of(clean), counts_BT=counts))


def test_shapes_that_disagree_are_named():
    with pytest.raises(ShapeError, match="noise has T=3, but clean has T=4"):
        noise_frames(draw(1, 2, 4, 2, 2), draw(1, 2, 3, 2, 2), signal_BT=draw(1, 4))


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError, match="epsilon"):
        DiffusionConfig(prediction_type="epsilon")
    with pytest.raises(ConfigError, match="got 'x0'"):
        DiffusionConfig(prediction_type="x0")


def test_a_schedule_survives_its_folder_and_a_damaged_one_is_one_line(tmp_path):
    config = DiffusionConfig(prediction_type="epsilon", rescale_betas_zero_snr=False)
    NoiseSchedule.of(config).save_pretrained(tmp_path)
    loaded = NoiseSchedule.from_pretrained(tmp_path)
    assert torch.equal(loaded.signals, NoiseSchedule.of(config).signals)
    assert loaded.prediction_type == "epsilon"
    (tmp_path / "scheduler" / "scheduler_config.json").write_text("{")
    with pytest.raises(DataError, match=r"scheduler_config\.json as JSON"):
        NoiseSchedule.from_pretrained(tmp_path)
