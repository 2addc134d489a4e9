"""What a write minimises: the diffusion loss on one window, at drawn noise levels.

L(Θ | Φ) = E ‖target − prediction_{Φ+Θ}(z'_t, t)‖² over all frames of z' = past ⊕ new, without
text (SlowFast-VGen, fast learning); or over the new frames given clean past frames and action.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from twospeed.core.random import generator_of
from twospeed.memory.config import GradientConfig
from twospeed.worldmodel.backbones.schedule import Schedule
from twospeed.worldmodel.contract import Denoiser
from twospeed.worldmodel.diffusion import frame_loss


@dataclass(frozen=True, kw_only=True, slots=True)
class Draws:
    """The random part of one update: noisings of windows, N = E episodes times as many each."""

    noise_NCTHW: Tensor
    level_NT: Tensor
    counts_NT: Tensor
    """bool: frames that carry loss."""

    with_text_N: Tensor
    """bool: noisings that are told the action."""

    def first(self, count: int, *, episodes: int) -> "Draws":
        """Return the first `count` noisings of every episode."""

        def cut(tensor: Tensor) -> Tensor:
            kept: Tensor = tensor.unflatten(0, (episodes, -1))[:, :count].flatten(0, 1)
            return kept

        return Draws(
            noise_NCTHW=cut(self.noise_NCTHW),
            level_NT=cut(self.level_NT),
            counts_NT=cut(self.counts_NT),
            with_text_N=cut(self.with_text_N),
        )


def draw_write(
    config: GradientConfig,
    shape: tuple[int, ...],
    past_frames: int,
    seeds: Sequence[tuple[int | str, ...]],
) -> Draws:
    """Draw noise and levels for every episode from its own seed.

    Args:
        config: objective, levels, and how many noisings: current windows, then rehearsed ones.
        shape: (C, T, H, W) of one window.
        past_frames: how many of the T are past.
        seeds: one an episode.
    """
    parts = [_draw_one(config, shape, generator_of(*seed)) for seed in seeds]
    noise, level_N, past_N = (torch.cat(part) for part in zip(*parts, strict=True))
    level_NT = level_N[:, None].repeat(1, shape[1])
    counts_NT = torch.ones_like(level_NT, dtype=torch.bool)
    next_K = torch.arange(config.noisings_per_update) % 2 == 1
    if config.objective != "both":
        next_K = torch.full_like(next_K, config.objective == "next")
    with_text_N = next_K.repeat(len(seeds))
    counts_NT[with_text_N, :past_frames] = False
    level_NT = torch.where(counts_NT, level_NT, past_N[:, None])
    return Draws(noise_NCTHW=noise, level_NT=level_NT, counts_NT=counts_NT, with_text_N=with_text_N)


def _draw_one(
    config: GradientConfig, shape: tuple[int, ...], generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw noises, as many levels (one from each equal part of the range), and the past's."""
    count = config.noisings_per_update
    noise = torch.randn((count, *shape), generator=generator)
    place = (
        torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    ) / count
    span = config.highest_level - config.lowest_level + 1
    level = (config.lowest_level + place * span).long().clamp_max(config.highest_level)
    past = torch.randint(config.past_level + 1, (count,), generator=generator)
    is_clean = torch.rand(count, generator=generator) < 0.5
    return noise, level, past.masked_fill(is_clean, 0)


def write_loss(
    denoiser: Denoiser,
    schedule: Schedule,
    clean_NCTHW: Tensor,
    text_NND: Tensor,
    no_text_1ND: Tensor,
    draws: Draws,
) -> Tensor:
    """Return the loss of every noising, (N,)."""
    device = clean_NCTHW.device
    clean = clean_NCTHW
    noise, level_NT = draws.noise_NCTHW.to(clean), draws.level_NT.to(device)
    with_text = draws.with_text_N.to(device)[:, None, None]
    text = torch.where(with_text, text_NND, no_text_1ND)
    level_NT = schedule.placed(level_NT)
    noisy, target = (it(clean, noise, level_NT) for it in (schedule.noised, schedule.target))
    return frame_loss(
        denoiser(noisy, level_NT, text),
        target,
        counts_BT=draws.counts_NT.to(device),
        weight_BT=schedule.weight(level_NT),
    )
