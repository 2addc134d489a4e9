"""What training, memories and samplers ask of a noise schedule: DDPM's or a flow's.

Levels are (B, T) in steps of the schedule; 0 is clean. All latents are (B, C, T, H, W).
"""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from twospeed.core.files import StrPath


class Steps(Protocol):
    """The way from noise to clean latents."""

    @property
    def levels(self) -> Sequence[float]:
        """Level of every step, decreasing."""
        ...

    def step(self, index: int, x_BCTHW: Tensor, predicted_BCTHW: Tensor) -> Tensor:
        """Return the latents after step `index`, for what was predicted at its level."""
        ...


class Schedule(Protocol):
    """How frames are noised, and what a network predicts of it."""

    num_steps: int
    """The greatest level, (nearly) pure noise."""

    def placed(self, level_BT: Tensor) -> Tensor:
        """Return the levels that evenly drawn ones stand for (a flow's shift)."""
        ...

    def noised(self, clean_BCTHW: Tensor, noise_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Noise every frame as far as its level says; at level 0 it stays bit for bit."""
        ...

    def target(self, clean_BCTHW: Tensor, noise_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return what the network should predict."""
        ...

    def split(
        self, noisy_BCTHW: Tensor, prediction_BCTHW: Tensor, level_BT: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the clean latents and the noise that a prediction means."""
        ...

    def predicting(self, clean_BCTHW: Tensor, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return the prediction that means these clean latents."""
        ...

    def weight(self, level_BT: Tensor) -> Tensor:
        """Return the weight of a frame's squared error, (B, T)."""
        ...

    def steps(self, count: int, shape: tuple[int, ...]) -> Steps:
        """Return the way from noise to new frames in so many steps.

        Args:
            count: of steps.
            shape: (C, T, H, W) of the whole window, past and new.

        Raises:
            ConfigError: when there are not so many levels.
        """
        ...

    def save_pretrained(self, folder: StrPath) -> None:
        """Write ``scheduler/``.

        Raises:
            DataError: when anything but a noise schedule stands there.
        """
        ...


class Signals(Schedule, Protocol):
    """A schedule that says how much signal is left at each level."""

    signals: Tensor
    """Share of the variance that is still signal, (num_steps + 1,), from level 0 on."""
