"""Which mean and variance a standardization takes: a channel's own, the batch's, or fixed ones."""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from twospeed.terminator.layers.standardization import BatchStandardization

Statistics = tuple[Tensor, Tensor]
"""Mean and variance."""


@dataclass(frozen=True, kw_only=True)
class Pooling:
    """Which channels share their statistics over the batch, and which have fixed ones."""

    shared: Tensor
    """(C,) bool: the channels that do; the others take their own (IS)."""

    fixed: Statistics | None = None
    """Mean and variance (C,) that the shared channels take instead of the batch's."""

    def over_batch(self, statistic_BC: Tensor, fixed_C: Tensor | None = None) -> Tensor:
        """Replace the statistic of shared channels by its mean over the batch, or by `fixed_C`."""
        shared = statistic_BC.mean(0) if fixed_C is None else fixed_C.to(statistic_BC)
        return torch.where(self.shared, shared, statistic_BC)

    def of_gradient(self, statistic_BC: Tensor) -> Tensor:
        """The same for statistics of a gradient: fixed statistics pass none."""
        fixed = None if self.fixed is None else torch.zeros_like(self.fixed[0])
        return self.over_batch(statistic_BC, fixed)


@functools.cache
def everywhere(channels: int, shared: bool, device: torch.device | None = None) -> Tensor:
    """Return one answer for all channels, (C,) bool; not to be changed."""
    return torch.full((channels,), shared, device=device)


def fixed_statistics(layer: BatchStandardization) -> Statistics | None:
    """Return the running averages where the layer uses them, else None."""
    if not layer.running or layer.training:
        return None
    return layer.get_buffer("running_mean"), layer.get_buffer("running_variance")
