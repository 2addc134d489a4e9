import pytest
import torch

from twospeed.planning.inverse.calibration import REJECTED, calibrate, calibration_error


def drawn(temperature, count=4000, kinds=4):
    """Scores whose softmax at `temperature` is the truth, and labels drawn from it."""
    generator = torch.Generator().manual_seed(0)
    scores = 3 * torch.randn(count, kinds, generator=generator)
    labels = torch.multinomial((scores / temperature).softmax(1), 1, generator=generator)[:, 0]
    return scores, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_is_found_again(temperature):
    found = calibrate(*drawn(temperature))
    assert found.temperature == pytest.approx(temperature, rel=0.15)


def test_calibrated_probabilities_are_what_they_say():
    scores, labels = drawn(3.0)
    before = calibration_error(scores.softmax(1), labels)
    temperature = calibrate(scores, labels).temperature
    after = calibration_error((scores / temperature).softmax(1), labels)
    assert after < 0.03 < before


def test_the_threshold_refuses_few_true_commands():
    scores, labels = drawn(1.0)
    found = calibrate(scores, labels)
    shares = (scores / found.temperature).softmax(1).gather(1, labels[:, None])[:, 0]
    refused = (shares[labels < 3] < found.threshold).float().mean()
    assert float(refused) == pytest.approx(REJECTED, abs=0.005)
