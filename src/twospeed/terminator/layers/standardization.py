"""Standardization: normalization without affine part.

IS per sample and channel, BS per channel over the batch, G-IBS by turns in groups of channels.
BS takes the statistics of the batch also at evaluation in the author's mode, or running
averages, so that a sample's output does not depend on its companions.
"""

import torch
from torch import Tensor, nn

from twospeed.core.errors import ConfigError
from twospeed.terminator.layers.position_statistics import EPSILON, moments

STATISTICS = ("running", "batch")


def standardize_instance(x_BCS: Tensor, *, causal: bool = False) -> Tensor:
    """IS(u) = (u - μ)/sqrt(var + 1e-5) per sample and channel over positions.

    Args:
        x_BCS: (B, C, *positions).
        causal: look only at the past, see `scope.mean_over_positions`.
    """
    mean, variance = moments(x_BCS, causal=causal)
    return (x_BCS - mean) * torch.rsqrt(variance + EPSILON)


class BatchStandardization(nn.Module):
    """BS: per channel over batch and positions.

    Args:
        num_channels: C.
        statistics: "batch" always takes those of the batch; "running" takes those of the batch in
            training and their running average at evaluation.
        momentum: weight of the newest batch in the running average.

    Raises:
        ConfigError: for another kind of statistics.
    """

    def __init__(
        self, num_channels: int, *, statistics: str = "running", momentum: float = 0.1
    ) -> None:
        super().__init__()
        if statistics not in STATISTICS:
            raise ConfigError(
                f"statistics must be one of {', '.join(STATISTICS)}, got {statistics!r}"
            )
        self.momentum = momentum
        self.running = statistics == "running"
        if self.running:
            self.register_buffer("running_mean", torch.zeros(num_channels))
            self.register_buffer("running_variance", torch.ones(num_channels))

    def statistics_of(self, x_BCS: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance per channel, (C,) each; in training update the averages."""
        if self.running and not self.training:
            return self.get_buffer("running_mean"), self.get_buffer("running_variance")
        axes = (0, *range(2, x_BCS.ndim))
        variance_C, mean_C = torch.var_mean(x_BCS, axes, correction=0)
        self.remember(mean_C, variance_C)
        return mean_C, variance_C

    def remember(self, mean_C: Tensor, variance_C: Tensor) -> None:
        """Move the running averages towards the statistics of one training batch."""
        if self.running and self.training:
            for name, value_C in (("running_mean", mean_C), ("running_variance", variance_C)):
                average_C = self.get_buffer(name)
                average_C.lerp_(value_C.detach().to(average_C.dtype), self.momentum)

    def forward(self, x_BCS: Tensor) -> Tensor:
        """Standardize (B, C, *positions)."""
        mean_C, variance_C = (value.to(x_BCS.dtype) for value in self.statistics_of(x_BCS))
        shape = (1, -1) + (1,) * (x_BCS.ndim - 2)
        scale_C = torch.rsqrt(variance_C + EPSILON)
        return (x_BCS - mean_C.view(shape)) * scale_C.view(shape)


class GroupInstanceBatchStandardization(nn.Module):
    """G-IBS: groups 0, 2, 4, ... of contiguous channels get BS, groups 1, 3, 5, ... get IS.

    Args:
        num_channels: a multiple of `groups`.
        groups: number of groups, even.
        statistics: of the BS groups, see `BatchStandardization`.
        causal: whether IS may look only at the past.

    Raises:
        ConfigError: when the channels cannot be cut into that many groups.
    """

    def __init__(
        self,
        num_channels: int,
        *,
        groups: int = 12,
        statistics: str = "running",
        causal: bool = False,
    ) -> None:
        super().__init__()
        if groups < 1 or num_channels % groups:
            raise ConfigError(
                f"{num_channels} channels cannot be cut into {groups} equal groups: "
                "change expansions or groups"
            )
        self.group_size = num_channels // groups
        self.causal = causal
        index = torch.arange(num_channels) // self.group_size % 2
        self.register_buffer("is_batch", index == 0, persistent=False)
        self.batch = BatchStandardization(num_channels, statistics=statistics)

    def forward(self, x_BCS: Tensor) -> Tensor:
        """Standardize (B, C, *positions)."""
        shape = (1, -1) + (1,) * (x_BCS.ndim - 2)
        chosen = self.get_buffer("is_batch").view(shape)
        instance_BCS = standardize_instance(x_BCS, causal=self.causal)
        return torch.where(chosen, self.batch(x_BCS), instance_BCS)
