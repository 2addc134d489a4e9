"""Slow and fast weights asked about one chunk of every episode: two kinds of `FastReading`.

Keys, what is recalled and how familiar it is are found once; the sampler then asks at every step.
Axes: B clips, C channels, T frames, H and W cells, N tokens, D features.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.memory.adapters import Adapters
from twospeed.memory.config import FastLearningConfig, RidgeConfig
from twospeed.memory.retrieval_gate import RetrievalGate, familiarity
from twospeed.worldmodel.asking.questions import FastReading, Question, SlowReading
from twospeed.worldmodel.backbones.schedule import Schedule
from twospeed.worldmodel.reading import Reading


class RecallReading(SlowReading):
    """Fast weights of the recall layer: they act through what that layer gave, and not otherwise.

    What is recalled wholly is not asked about.

    Args:
        slow: the slow weights, asked about the same chunks.
        adapters: the fast weights.
        config: how they are read.
        schedule: what a prediction means.
    """

    def __init__(
        self, slow: Reading, adapters: Adapters, config: RidgeConfig, schedule: Schedule
    ) -> None:
        super().__init__(slow)
        self.contrast = config.contrast
        with adapters.attached():
            fast = slow.read_again()
        self.familiarity_B = familiarity(fast.score_B, slow.score_B)
        self.gate = _gate(fast, self.familiarity_B, config, schedule)
        asked_B = None if self.gate is None else self.gate.share_B < 1
        both = (fast, slow) if self.contrast else (fast,)
        self.asked = tuple(Question.of(it, asked_B) for it in both)

    def finish(self, answers: Sequence[Tensor], noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """See `FastReading`."""
        predicted, *slow = answers
        if slow:
            predicted = torch.lerp(slow[0], predicted, 1 + self.contrast)
        predicted = self.asked[0].placed(predicted, noisy_BCTHW)
        return self.gate(predicted, noisy_BCTHW, level_BT) if self.gate else predicted


class AdaptedReading(SlowReading):
    """Fast weights of any layers: they act while the denoiser is asked, in calls of their own.

    Args:
        slow: the slow weights, asked about the same chunks.
        adapters: the fast weights.
        contrast: how much more of what they change is added.
    """

    def __init__(self, slow: Reading, adapters: Adapters, contrast: float) -> None:
        super().__init__(slow)
        self.adapters, self.contrast, self.asked = adapters, contrast, ()
        with adapters.attached():
            self.fast = slow.under(slow.text_BND)

    def finish(self, answers: Sequence[Tensor], noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:  # noqa: ARG002
        """See `FastReading`."""
        with self.adapters.attached():
            predicted = self.fast(noisy_BCTHW, level_BT)
        if self.contrast:
            with self.adapters.switched_off():
                slow = self.slow(noisy_BCTHW, level_BT)
            predicted = torch.lerp(slow, predicted, 1 + self.contrast)
        return predicted


def read_adapters(
    slow: Reading, adapters: Adapters, config: FastLearningConfig, schedule: Schedule
) -> FastReading:
    """Ask slow and fast weights about the same chunks.

    Args:
        slow: the slow weights.
        adapters: the fast weights.
        config: how they were written, and how they are read.
        schedule: what a prediction means.

    Raises:
        ConfigError: when there is a `retrieval_range` and no recall layer.
    """
    if isinstance(config, RidgeConfig):
        return RecallReading(slow, adapters, config, schedule)
    return AdaptedReading(slow, adapters, config.contrast)


def _gate(
    fast: Reading, familiarity_B: Tensor, config: RidgeConfig, schedule: Schedule
) -> RetrievalGate | None:
    if config.retrieval_range is None:
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
