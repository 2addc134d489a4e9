"""The reverse process: from noise to new frames, given clean past frames.

A sampler is a function of (predict, noise, steps). It knows nothing of networks or memories:
`predict` may be slow weights alone, slow plus fast, or a contrast of both.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.worldmodel.backbones.schedule import Signals, Steps

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


def shifted_level(level: int, num_steps: int, shift: float) -> int:
    """Return s t / (1 + (s - 1) t) of `num_steps`, where `level` is t of it; both ends stay."""
    share = level / num_steps
    return round(num_steps * shift * share / (1 + (shift - 1) * share))


@torch.no_grad()
def sample(
    predict: Predict,
    noise_BCTHW: Tensor,
    *,
    past_BCTHW: Tensor,
    steps: Steps,
    past_level: int = 0,
) -> Tensor:
    """Follow the steps; past frames are put back, clean, at every one.

    Args:
        predict: the model.
        noise_BCTHW: standard normal start of the new frames.
        past_BCTHW: clean latents of the past frames; there may be none.
        steps: of a schedule; they are used up.
        past_level: level that the model is told of the past frames; 0 says clean.

    Returns:
        Clean latents of the new frames, in the shape of `noise_BCTHW`.
    """
    x, past_frames = noise_BCTHW, past_BCTHW.shape[2]
    batch, frames = len(x), past_frames + x.shape[2]
    for index, now in enumerate(steps.levels):
        level_BT = torch.full((batch, frames), now, device=x.device)
        level_BT[:, :past_frames] = past_level
        predicted = predict(torch.cat([past_BCTHW, x], dim=2), level_BT)[:, :, past_frames:]
        x = steps.step(index, x, predicted)
    return x


class DDIMSteps:
    """The deterministic DDIM way (Song et al., arXiv 2010.02502); see `Steps`.

    Args:
        schedule: signal at every level.
        levels: decreasing; the last one is where it ends, 0 for clean.
    """

    def __init__(self, schedule: Signals, levels: Sequence[int]) -> None:
        self.schedule, self.levels, self.after = schedule, levels[:-1], levels[1:]

    def shifted(self, shift: float) -> "DDIMSteps":
        """Return the way along shifted levels, see `shifted_level`; those that meet are one."""
        schedule = self.schedule
        levels = [*self.levels, self.after[-1]]
        moved = (shifted_level(level, schedule.num_steps, shift) for level in levels)
        return DDIMSteps(schedule, list(dict.fromkeys(moved)))

    def level(self, index: int, x_BCTHW: Tensor) -> Tensor:
        """Return the level of every frame at a step, (B, T)."""
        shape = len(x_BCTHW), x_BCTHW.shape[2]
        return torch.full(shape, self.levels[index], device=x_BCTHW.device)

    def step(self, index: int, x_BCTHW: Tensor, predicted_BCTHW: Tensor) -> Tensor:
        """See `Steps`."""
        level_BT = self.level(index, x_BCTHW)
        clean, noise = self.schedule.split(x_BCTHW, predicted_BCTHW, level_BT)
        signal = self.schedule.signals[self.after[index]].to(x_BCTHW)
        return signal.sqrt() * clean + (1 - signal).sqrt() * noise


class SecondOrderSteps:
    """DPM-Solver++ (2M), Lu et al., arXiv 2211.01095; see `Steps`.

    It is DDIM with the clean latents that the last two steps foretell together; a step costs the
    same. The first step, the one after pure noise and the last one are DDIM's.

    Args:
        steps: what it follows.
    """

    def __init__(self, steps: DDIMSteps) -> None:
        self.levels, self._steps = steps.levels, steps
        signals_L = steps.schedule.signals[[*steps.levels, steps.after[-1]]].double()
        self._ratios_L = 0.5 * torch.log(signals_L / (1 - signals_L))  # infinite at both ends
        self._before: tuple[Tensor, Tensor] | None = None

    def step(self, index: int, x_BCTHW: Tensor, predicted_BCTHW: Tensor) -> Tensor:
        """See `Steps`; steps are taken one after the other."""
        schedule, level_BT = self._steps.schedule, self._steps.level(index, x_BCTHW)
        clean, _ = schedule.split(x_BCTHW, predicted_BCTHW, level_BT)
        before, (now, after) = self._before, self._ratios_L[index : index + 2]
        self._before = clean, now
        if before is not None and before[1].isfinite() and after.isfinite():
            ahead = ((after - now) / (2 * (now - before[1]))).to(clean)
            predicted_BCTHW = schedule.predicting(
                clean + ahead * (clean - before[0]), x_BCTHW, level_BT
            )
        return self._steps.step(index, x_BCTHW, predicted_BCTHW)


def sample_ddim(
    predict: Predict,
    noise_BCTHW: Tensor,
    *,
    past_BCTHW: Tensor,
    schedule: Signals,
    levels: Sequence[int],
    past_level: int = 0,
) -> Tensor:
    """Follow the DDIM way along levels of one's own; see `sample`."""
    steps = DDIMSteps(schedule, levels)
    return sample(predict, noise_BCTHW, past_BCTHW=past_BCTHW, steps=steps, past_level=past_level)
