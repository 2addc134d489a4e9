"""The reverse process: from noise to new frames, given clean past frames.

A sampler is a function of (predict, noise, levels). It knows nothing of networks or memories:
`predict` may be slow weights alone, slow plus fast, or a contrast of both.
"""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.worldmodel.diffusion import NoiseSchedule, clean_and_noise

Predict = Callable[[Tensor, Tensor], Tensor]
"""(noisy window (B, C, T, H, W), level (B, T)) -> prediction in the schedule's terms."""


def spaced_levels(num_steps: int, count: int) -> list[int]:
    """Return `count` levels from `num_steps` down, evenly spaced, and a last 0.

    Raises:
        ConfigError: when `count` is not in 1..num_steps.
    """
    if not 1 <= count <= num_steps:
        raise ConfigError(f"sampling steps must be 1 to {num_steps}, got {count}")
    return [round(num_steps * (1 - index / count)) for index in range(count)] + [0]


@torch.no_grad()
def sample_ddim(
    predict: Predict,
    noise_BCTHW: Tensor,
    *,
    past_BCTHW: Tensor,
    schedule: NoiseSchedule,
    levels: Sequence[int],
    past_level: int = 0,
) -> Tensor:
    """Follow the deterministic DDIM path; past frames are put back, clean, at every step.

    Args:
        predict: the model.
        noise_BCTHW: standard normal start of the new frames.
        past_BCTHW: clean latents of the past frames.
        schedule: signal at every level.
        levels: decreasing, the last one 0.
        past_level: level that the model is told of the past frames; 0 says clean.

    Returns:
        Clean latents of the new frames, in the shape of `noise_BCTHW`.
    """
    x, past_frames = noise_BCTHW, past_BCTHW.shape[2]
    batch, frames = len(x), past_frames + x.shape[2]
    for now, after in itertools.pairwise(levels):
        level_BT = torch.full((batch, frames), now, device=x.device)
        level_BT[:, :past_frames] = past_level
        predicted = predict(torch.cat([past_BCTHW, x], dim=2), level_BT)[:, :, past_frames:]
        clean, noise = clean_and_noise(
            x,
            predicted,
            signal_BT=schedule.signal(level_BT[:, past_frames:]),
            prediction_type=schedule.prediction_type,
        )
        signal = schedule.signals[after].to(x)
        x = signal.sqrt() * clean + (1 - signal).sqrt() * noise
    return x
