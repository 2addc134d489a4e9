"""Where a place is familiar, what is recalled of it is taken for the prediction.

In training the noisy latents always hold some truth, so at low noise levels a denoiser leans on
them and hardly on its recall layer. While sampling they hold its own earlier mistakes, and it
spoils what it recalls well. So the clean latents that it predicts go over to the recalled ones, at
every level, by how familiar the fast weights alone make the chunk: with the score m of slow and
fast weights and s of the slow ones, (m - s) / (1 - s), which is 0 for an empty memory.

Holds: `RetrievalGate`, `familiarity`. Axes: B clips, C channels, T frames, H and W cells.
"""

from typing import Any

import torch
from torch import Tensor

from twospeed.memory.adapters import Adapters
from twospeed.worldmodel.diffusion import NoiseSchedule, clean_and_noise, target_of
from twospeed.worldmodel.sampler import Predict


class RetrievalGate:
    """Lets predictions go over to what the recall layer gives; a `Predict` itself.

    Args:
        predict: the denoiser with fast weights, as the sampler would ask it.
        denoiser: has a recall layer.
        text_BND: the actions.
        adapters: the fast weights; attached whenever this is asked.
        retrieval_range: familiarity from which on, and at which wholly, what is recalled is taken.
        schedule: what a prediction means.
    """

    def __init__(
        self,
        predict: Predict,
        denoiser: Any,
        text_BND: Tensor,
        *,
        adapters: Adapters,
        retrieval_range: tuple[float, float],
        schedule: NoiseSchedule,
    ) -> None:
        self.predict, self.recall, self.adapters = predict, denoiser.recall, adapters
        self.action_BD = denoiser.action_of(text_BND)
        self.retrieval_range, self.schedule = retrieval_range, schedule
        self._kept: tuple[Tensor, Tensor, Tensor] | None = None

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return the prediction that means the gated latents, (B, C, T, H, W)."""
        kind = self.schedule.prediction_type
        predicted = self.predict(noisy_BCTHW, level_BT)
        recalled, share = self._recalled(noisy_BCTHW, level_BT)
        signal_BT = self.schedule.signal(level_BT)
        clean, _ = clean_and_noise(
            noisy_BCTHW, predicted, signal_BT=signal_BT, prediction_type=kind
        )
        return _prediction_of(clean.lerp(recalled, share), noisy_BCTHW, signal_BT, kind)

    def _recalled(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is recalled and its share, kept while the past is the same."""
        past = noisy_BCTHW * (level_BT == 0)[:, None, :, None, None]
        if self._kept is None or not torch.equal(self._kept[0], past):
            self._kept = (past, *self._asked(noisy_BCTHW, level_BT))
        return self._kept[1], self._kept[2]

    def _asked(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> tuple[Tensor, Tensor]:
        begin, whole = self.retrieval_range
        recalled, there_BT = self.recall(noisy_BCTHW, level_BT, self.action_BD)
        with self.adapters.switched_off():
            slow, _ = self.recall(noisy_BCTHW, level_BT, self.action_BD)
        familiar_BT = familiarity(recalled[:, -1, :, 0, 0], slow[:, -1, :, 0, 0])
        share_BT = ((familiar_BT - begin) / (whole - begin)).clamp(0, 1) * there_BT
        return recalled[:, :-1], share_BT[:, None, :, None, None]


def familiarity(score: Tensor, slow: Tensor) -> Tensor:
    """Return how familiar fast weights alone make a chunk, 0 to 1.

    Args:
        score: of slow and fast weights together.
        slow: of the slow weights alone, in the same shape.
    """
    return ((score - slow) / (1 - slow).clamp_min(0.1)).clamp(0, 1)


def _prediction_of(
    clean_BCTHW: Tensor, noisy_BCTHW: Tensor, signal_BT: Tensor, prediction_type: str
) -> Tensor:
    """Return the prediction that means these clean latents."""
    _, noise = clean_and_noise(
        noisy_BCTHW, clean_BCTHW, signal_BT=signal_BT, prediction_type="sample"
    )
    return target_of(clean_BCTHW, noise, signal_BT=signal_BT, prediction_type=prediction_type)
