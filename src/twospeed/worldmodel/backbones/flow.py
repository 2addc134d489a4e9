"""Flow matching: a straight way from clean latents to noise, beside the DDPM of diffusion.py.

At level l of n, sigma = l / n: noisy = (1 - sigma) clean + sigma noise, and the network predicts
the velocity noise - clean (Lipman et al., arXiv 2210.02747; Liu et al., arXiv 2209.03003). The
reverse process is diffusers' own scheduler, Euler or UniPC, told of the new frames alone.
"""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.core.files import StrPath, as_path
from twospeed.core.folders import check_folder
from twospeed.core.shapes import check_shapes
from twospeed.worldmodel.catalogue import SCHEDULER

SetSteps = Callable[[Any, int, tuple[int, ...]], None]
"""(scheduler, number of steps, (C, T, H, W)) sets the scheduler's levels, as a family does it."""


def plain_steps(scheduler: Any, count: int, shape: tuple[int, ...]) -> None:  # noqa: ARG001
    """Let the scheduler choose its levels by its own configuration."""
    scheduler.set_timesteps(count)


class FlowSchedule:
    """A flow behind the contract `Schedule`.

    Args:
        scheduler: diffusers' `FlowMatchEulerDiscreteScheduler` or `UniPCMultistepScheduler`.
        set_steps: how the family sets its levels.
    """

    def __init__(self, scheduler: Any, set_steps: SetSteps = plain_steps) -> None:
        self.scheduler, self.set_steps = scheduler, set_steps
        self.num_steps: int = scheduler.config.num_train_timesteps

    @property
    def shift(self) -> float:
        """How much more often great levels are drawn; 1 draws all alike."""
        config = self.scheduler.config
        if config.get("use_dynamic_shifting"):  # by the window's size: the middle of its range
            return math.exp((config.base_shift + config.max_shift) / 2)
        return float(config.get("flow_shift", config.get("shift", 1.0)))

    def placed(self, level_BT: Tensor) -> Tensor:
        """See `Schedule`: shift s moves sigma to s sigma / (1 + (s - 1) sigma)."""
        sigma = level_BT.to(torch.float32) / self.num_steps
        return self.num_steps * self.shift * sigma / (1 + (self.shift - 1) * sigma)

    def noised(self, clean_BCTHW: Tensor, noise_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """See `Schedule`."""
        check_shapes(
            clean=(clean_BCTHW, "BCTHW"), noise=(noise_BCTHW, "BCTHW"), level=(level_BT, "BT")
        )
        sigma = self._sigma(level_BT, clean_BCTHW)
        return (1 - sigma) * clean_BCTHW + sigma * noise_BCTHW

    def target(self, clean_BCTHW: Tensor, noise_BCTHW: Tensor, level_BT: Tensor) -> Tensor:  # noqa: ARG002
        """See `Schedule`: the velocity."""
        return noise_BCTHW - clean_BCTHW

    def split(
        self, noisy_BCTHW: Tensor, prediction_BCTHW: Tensor, level_BT: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `Schedule`."""
        sigma = self._sigma(level_BT, noisy_BCTHW)
        clean = noisy_BCTHW - sigma * prediction_BCTHW
        return clean, noisy_BCTHW + (1 - sigma) * prediction_BCTHW

    def predicting(self, clean_BCTHW: Tensor, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """See `Schedule`."""
        sigma = self._sigma(level_BT, noisy_BCTHW)
        return (noisy_BCTHW - clean_BCTHW) / sigma.clamp_min(1e-4)

    def weight(self, level_BT: Tensor) -> Tensor:
        """See `Schedule`: all levels weigh alike."""
        return torch.ones_like(level_BT, dtype=torch.float32)

    def steps(self, count: int, shape: tuple[int, ...]) -> "FlowSteps":
        """See `Schedule`."""
        if not 1 <= count <= self.num_steps:
            raise ConfigError(f"sampling steps must be 1 to {self.num_steps}, got {count}")
        scheduler = copy.deepcopy(self.scheduler)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.set_steps(scheduler, count, shape)
        steps = FlowSteps(scheduler)
        if not all(map(math.isfinite, steps.levels)):  # LTX-Video stretches the way between them
            raise ConfigError(f"this model's scheduler cannot take {count} step(s): take 2 or more")
        return steps

    def save_pretrained(self, folder: StrPath) -> None:
        """See `Schedule`."""
        place = as_path(folder) / "scheduler"
        check_folder(place, SCHEDULER)
        self.scheduler.save_pretrained(place)

    def _sigma(self, level_BT: Tensor, like: Tensor) -> Tensor:
        return (level_BT.to(like) / self.num_steps)[:, None, :, None, None]


class FlowSteps:
    """A scheduler on its way; see `Steps`.

    Args:
        scheduler: with its levels set; it keeps what earlier steps predicted.
    """

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler
        scheduler.set_begin_index(0)
        self.levels: Sequence[float] = [float(level) for level in scheduler.timesteps]

    def step(self, index: int, x_BCTHW: Tensor, predicted_BCTHW: Tensor) -> Tensor:
        """See `Steps`; steps are taken in their order."""
        level = self.scheduler.timesteps[index]
        moved: Tensor = self.scheduler.step(predicted_BCTHW, level, x_BCTHW, return_dict=False)[0]
        return moved
