"""How far a reading can be trusted: temperature, threshold, and what it is then right about."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

REJECTED = 0.02
"""Share of true commands that the threshold may take for none of these."""

_TEMPERATURES = torch.logspace(-1, 1, 81)
_BINS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What makes probabilities of scores."""

    temperature: float
    threshold: float


def calibrate(scores_BA: Tensor, labels_B: Tensor) -> Calibration:
    """Choose the temperature of least log loss, and the threshold that refuses few true commands.

    Args:
        scores_BA: of held-out clips; the last column is none of these.
        labels_B: their labels.
    """
    losses = [functional.cross_entropy(scores_BA / t, labels_B).item() for t in _TEMPERATURES]
    temperature = float(_TEMPERATURES[losses.index(min(losses))])
    shares_BA = (scores_BA / temperature).softmax(1)
    is_command_B = labels_B < scores_BA.shape[1] - 1
    true_B = shares_BA.gather(1, labels_B[:, None])[is_command_B, 0]
    threshold = float(true_B.quantile(REJECTED)) if len(true_B) else 0.0
    return Calibration(temperature=temperature, threshold=min(threshold, 0.9))


def calibration_error(shares_BA: Tensor, labels_B: Tensor) -> float:
    """Return the expected calibration error of the likeliest label, ten bins, 0 to 1."""
    confidence_B, best_B = shares_BA.max(1)
    right_B = (best_B == labels_B).float()
    bins_B = (confidence_B * _BINS).long().clamp_max(_BINS - 1)
    error = 0.0
    for number in range(_BINS):
        inside_B = bins_B == number
        if inside_B.any():
            gap = (confidence_B[inside_B].mean() - right_B[inside_B].mean()).abs()
            error += float(gap) * float(inside_B.float().mean())
    return error
