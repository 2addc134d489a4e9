"""Where a place is familiar, what is recalled of it is taken for the prediction.

In training the noisy latents always hold some truth, so at low noise levels a denoiser leans on
them and hardly on its recall layer. While sampling they hold its own earlier mistakes, and it
spoils what it recalls well. So the clean latents that it predicts go over to the recalled ones, at
every level, by how familiar the fast weights alone make the chunk: with the mark m of slow and fast
weights and s of the slow ones, (m - s) / (1 - s), which is 0 for an empty memory.

Holds: `trusting`, `familiarity`. Axes: B clips, C channels, T frames, H and W cells.
"""

from typing import Any

from torch import Tensor

from twospeed.memory.adapters import Adapters
from twospeed.worldmodel.diffusion import NoiseSchedule, clean_and_noise, target_of
from twospeed.worldmodel.sampler import Predict


def trusting(
    predict: Predict,
    denoiser: Any,
    text_BND: Tensor,
    *,
    adapters: Adapters,
    trust: tuple[float, float],
    schedule: NoiseSchedule,
) -> Predict:
    """Let predictions go over to what the recall layer gives.

    Args:
        predict: the denoiser with fast weights, as the sampler would ask it.
        denoiser: has a recall layer.
        text_BND: the actions.
        adapters: the fast weights; attached whenever this is asked.
        trust: familiarity from which on, and at which wholly, what is recalled is taken.
        schedule: what a prediction means.
    """
    action_BD, (begin, whole) = denoiser.action_of(text_BND), trust

    def trusted(noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        predicted = predict(noisy_BCTHW, level_BT)
        recalled, there_BT = denoiser.recall(noisy_BCTHW, level_BT, action_BD)
        with adapters.switched_off():
            slow, _ = denoiser.recall(noisy_BCTHW, level_BT, action_BD)
        familiar_BT = familiarity(_mark(recalled), _mark(slow))
        share_BT = ((familiar_BT - begin) / (whole - begin)).clamp(0, 1) * there_BT
        signal_BT = schedule.signal(level_BT)
        clean, _ = clean_and_noise(
            noisy_BCTHW, predicted, signal_BT=signal_BT, prediction_type=schedule.prediction_type
        )
        clean = clean.lerp(recalled[:, :-1], share_BT[:, None, :, None, None])
        return _prediction_of(clean, noisy_BCTHW, signal_BT, schedule.prediction_type)

    return trusted


def _mark(recalled_BCTHW: Tensor) -> Tensor:
    return recalled_BCTHW[:, -1, :, 0, 0]


def familiarity(mark: Tensor, slow: Tensor) -> Tensor:
    """Return how familiar fast weights alone make a chunk, 0 to 1.

    Args:
        mark: of slow and fast weights together.
        slow: of the slow weights alone, in the same shape.
    """
    return ((mark - slow) / (1 - slow).clamp_min(0.1)).clamp(0, 1)


def _prediction_of(
    clean_BCTHW: Tensor, noisy_BCTHW: Tensor, signal_BT: Tensor, prediction_type: str
) -> Tensor:
    """Return the prediction that means these clean latents."""
    _, noise = clean_and_noise(
        noisy_BCTHW, clean_BCTHW, signal_BT=signal_BT, prediction_type="sample"
    )
    return target_of(clean_BCTHW, noise, signal_BT=signal_BT, prediction_type=prediction_type)
