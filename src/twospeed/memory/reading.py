"""Slow and fast weights asked about one chunk of every episode; a `FastReading`.

Keys, what is recalled and how familiar it is are found once; the sampler then asks at every step.
Axes: B clips, C channels, T frames, H and W cells.
"""

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.memory.adapters import Adapters
from twospeed.memory.config import FastLearningConfig, RidgeConfig
from twospeed.memory.retrieval_gate import RetrievalGate, familiarity
from twospeed.worldmodel.backbones.schedule import Schedule
from twospeed.worldmodel.reading import Reading


class MemoryReading:
    """Predictions of slow and fast weights together; a `Predict`.

    Args:
        slow: the slow weights, asked about the same chunks.
        adapters: the fast weights.
        config: how they were written, and how they are read.
        schedule: what a prediction means.
    """

    def __init__(
        self, slow: Reading, adapters: Adapters, config: FastLearningConfig, schedule: Schedule
    ) -> None:
        self.slow, self.adapters, self.contrast = slow, adapters, config.contrast
        is_ridge = isinstance(config, RidgeConfig)  # its adapters leave the keys as they are
        with adapters.attached():
            self.fast = Reading.of(
                slow.denoiser,
                slow.past_BCPHW,
                slow.text_BND,
                recaller=slow.recaller,
                key_BK=slow.key_BK if is_ridge else None,
            )
        self.familiarity_B = familiarity(self.fast.score_B, slow.score_B) * is_ridge
        self.gate = _gate(self.fast, self.familiarity_B, config, schedule)

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return the prediction for every frame, (B, C, T, H, W)."""
        with self.adapters.attached():
            predicted = self.fast(noisy_BCTHW, level_BT)
        if self.contrast:
            with self.adapters.switched_off():
                slow = self.slow(noisy_BCTHW, level_BT)
            predicted = torch.lerp(slow, predicted, 1 + self.contrast)
        return self.gate(predicted, noisy_BCTHW, level_BT) if self.gate else predicted


def _gate(
    fast: Reading, familiarity_B: Tensor, config: FastLearningConfig, schedule: Schedule
) -> RetrievalGate | None:
    if not isinstance(config, RidgeConfig) or config.retrieval_range is None:
        return None
    if fast.recaller is None or fast.recalled_BO is None:
        raise ConfigError("retrieval_range needs a recall layer")
    return RetrievalGate(
        recall=fast.recaller.recall,
        recalled_BO=fast.recalled_BO,
        familiarity_B=familiarity_B,
        retrieval_range=config.retrieval_range,
        schedule=schedule,
    )
