"""Slow learning: the masked conditional video diffusion loss on windows of latents.

Holds: `SlowLearningConfig`, `slow_loss`. Holds not: where windows come from (data/windows.py), the
steps (loop.py). A share of the windows is noised as a whole and has no text: that is the task of
the fast learner, and the slow weights should know it.
"""

from dataclasses import dataclass, field
from typing import Annotated

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.core.fields import check_fields
from twospeed.core.ranges import Batch, ChunkFrames, Level, Share, Within
from twospeed.training.loop_config import LoopConfig
from twospeed.worldmodel.backbones.schedule import Schedule
from twospeed.worldmodel.contract import Denoiser
from twospeed.worldmodel.diffusion import frame_loss


@dataclass(frozen=True, kw_only=True, slots=True)
class SlowLearningConfig:
    """What the slow weights learn from."""

    batch_size: Batch = 8
    """Windows in a batch; all of one batch have the same lengths."""

    past_lengths: tuple[ChunkFrames, ...] = (4, 4, 4, 4, 4, 1)
    """Numbers of past frames, drawn with equal chance; 1 is a single first frame."""

    new_frames: ChunkFrames = 4
    """Frames to generate: one chunk."""

    joint_share: Share = 0.15
    """Share of batches that are noised as a whole, without text, as the fast learner does."""

    lowest_level: Annotated[int, Within(1, 1000)] = 1
    """Least noise level (of 1000) of new frames; sampling in S steps asks for none below 1000 / S.
    Batches that are noised as a whole keep all levels."""

    text_dropout: Share = 0.05
    """Share of clips whose action is hidden."""

    past_level: Level = 100
    """Half of the clips get past frames noised up to this level (of 1000) and are told so, since
    generated past frames are not perfect; 0 keeps the past clean, as in the paper."""

    even_share: Share = 0.0
    """Share of the windows whose action is drawn first, all texts of the data with equal chance, so
    that commands which are rare there are learned too."""

    text_noise: Annotated[float, Within(0, 1000)] = 0.1
    """Deviation of noise on text features, so that unusual wordings stay near."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=40_000, learning_rate=6e-4))
    """How it is trained."""

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.past_lengths:
            raise ConfigError("past_lengths needs at least one length")


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """A batch of windows: past ⊕ new latents and the action that leads from one to the other."""

    latents_BCTHW: Tensor
    """Clean latents."""

    text_BND: Tensor
    """Features of the action."""

    past_frames: int
    """How many of the frames are past."""


def slow_loss(
    denoiser: Denoiser,
    windows: Windows,
    no_text_1ND: Tensor,
    schedule: Schedule,
    config: SlowLearningConfig,
    generator: torch.Generator,
) -> Tensor:
    """Return the mean loss of a batch: on new frames only, or on all where all are noised."""
    clean = windows.latents_BCTHW
    batch, _, frames = clean.shape[:3]
    joint = bool(torch.rand((), generator=generator) < config.joint_share)
    lowest = 1 if joint else config.lowest_level
    level_BT = torch.randint(lowest, schedule.num_steps + 1, (batch, 1), generator=generator)
    level_BT = level_BT.repeat(1, frames)
    is_new_BT = torch.ones(batch, frames, dtype=torch.bool)
    text_BND = _noisy_text(windows.text_BND, no_text_1ND, config, generator, hide=joint)
    if not joint:
        is_new_BT[:, : windows.past_frames] = False
        past_B = torch.randint(0, config.past_level + 1, (batch,), generator=generator)
        past_B[torch.rand(batch, generator=generator) < 0.5] = 0
        level_BT = torch.where(is_new_BT, level_BT, past_B[:, None])
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    level_BT, is_new_BT = level_BT.to(clean.device), is_new_BT.to(clean.device)
    level_BT = schedule.placed(level_BT)
    noisy, target = (it(clean, noise, level_BT) for it in (schedule.noised, schedule.target))
    prediction = denoiser(noisy, level_BT, text_BND)
    weight_BT = schedule.weight(level_BT)
    return frame_loss(prediction, target, counts_BT=is_new_BT, weight_BT=weight_BT).mean()


def _noisy_text(
    text_BND: Tensor,
    no_text_1ND: Tensor,
    config: SlowLearningConfig,
    generator: torch.Generator,
    *,
    hide: bool,
) -> Tensor:
    share = 1.0 if hide else config.text_dropout
    hidden_B = torch.rand(len(text_BND), generator=generator) < share
    noise = torch.randn(text_BND.shape, generator=generator).to(text_BND)
    noisy = text_BND + config.text_noise * noise
    return torch.where(hidden_B.to(text_BND.device)[:, None, None], no_text_1ND, noisy)
