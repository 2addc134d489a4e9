"""Where a place is familiar, what is recalled of it is taken for the prediction.

In training the noisy latents always hold some truth, so at low noise levels a denoiser leans on
them and hardly on its recall layer. While sampling they hold its own earlier mistakes, and it
spoils what it recalls well. So the clean latents that it predicts go over to the recalled ones, at
every level, by how familiar the fast weights alone make the chunk: with the score m of slow and
fast weights and s of the slow ones, (m - s) / (1 - s), which is 0 for an empty memory.

Holds: `RetrievalGate`, `gated`, `familiarity`. Axes: B clips, C channels, T frames, H and W
cells, O what the recall layer gives.
"""

from dataclasses import dataclass

from torch import Tensor

from twospeed.worldmodel.backbones.schedule import Schedule
from twospeed.worldmodel.recall import Recall


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class RetrievalGate:
    """Lets predictions of one chunk of every clip go over to what the recall layer gave."""

    recall: Recall
    recalled_BO: Tensor
    """With slow and fast weights."""

    familiarity_B: Tensor
    """0 to 1."""

    retrieval_range: tuple[float, float]
    """Familiarity from which on, and at which wholly, what is recalled is taken."""

    schedule: Schedule
    """What a prediction means."""

    @property
    def share_B(self) -> Tensor:
        """How far what is recalled is taken, 0 to 1."""
        begin, whole = self.retrieval_range
        return ((self.familiarity_B - begin) / (whole - begin)).clamp(0, 1)

    def __call__(self, predicted_BCTHW: Tensor, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return the prediction that means the gated latents, (B, C, T, H, W)."""
        recalled, there_BT = self.recall.placed(self.recalled_BO, level_BT)
        share = (self.share_B[:, None] * there_BT)[:, None, :, None, None]
        return gated(
            predicted_BCTHW, noisy_BCTHW, level_BT, (recalled[:, :-1], share), self.schedule
        )


def gated(
    predicted_BCTHW: Tensor,
    noisy_BCTHW: Tensor,
    level_BT: Tensor,
    recalled: tuple[Tensor, Tensor],
    schedule: Schedule,
) -> Tensor:
    """Return the prediction whose clean latents went over to what is recalled, (B, C, T, H, W).

    Args:
        predicted_BCTHW: the denoiser's.
        noisy_BCTHW: what it was asked about.
        level_BT: steps of the noise schedule.
        recalled: clean latents, and the shares to which they are taken, broadcast to them.
        schedule: what a prediction means.
    """
    clean, _ = schedule.split(noisy_BCTHW, predicted_BCTHW, level_BT)
    return schedule.predicting(clean.lerp(*recalled), noisy_BCTHW, level_BT)


def familiarity(score: Tensor, slow: Tensor) -> Tensor:
    """Return how familiar fast weights alone make a chunk, 0 to 1.

    Args:
        score: of slow and fast weights together.
        slow: of the slow weights alone, in the same shape.
    """
    return ((score - slow) / (1 - slow).clamp_min(0.1)).clamp(0, 1)
