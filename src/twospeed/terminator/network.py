"""The Terminator network for images, sequences and clips: blocks, mean over positions, linear head.

In timm's habits: `forward_features`, `forward_head`, `reset_classifier`, `num_features`.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import torch
from torch import Tensor, nn

from twospeed.core.arguments import check_kind
from twospeed.core.errors import ConfigError, DataError, ShapeError
from twospeed.core.fields import check_fields, checked
from twospeed.core.ranges import Width, Within
from twospeed.terminator.block import SFNEBlock, Trace
from twospeed.terminator.block_config import BlockConfig, BlockShape, Dropout
from twospeed.terminator.layers.coordinates import PointsOf, axis_points
from twospeed.terminator.layers.slow_net import Layers, Size

Classes = Annotated[int, Within(0, 1_000_000)]
"""Classes that a network tells apart, or none."""


@dataclass(frozen=True, kw_only=True)
class TerminatorConfig:
    """A whole network; one entry per block in each tuple."""

    channels: Width = 3
    """Channels of the input."""

    sizes: tuple[Size, ...] = (32, 32)
    """Base grid: (N,) for sequences, (H, W) for images, (T, H, W) for clips."""

    num_classes: Classes = 10
    """Classes; 0 leaves the head out."""

    expansions: tuple[Width, ...] = (4, 3, 2, 2, 2)
    """λ of each block."""

    earlier: tuple[tuple[int, int], ...] = ((0, 0), (0, 0), (1, 0), (2, 0), (3, 2))
    """Blocks, counted from 1, whose outputs come in again as e1 and e2; 0 is none."""

    layers_global: tuple[Layers, ...] = (3, 2, 2, 2, 2)
    """Layers of the global slow nets."""

    dropout: tuple[Dropout, ...] = (0.0, 0.05, 0.05, 0.05, 0.05)
    """Probability of dropping an output channel."""

    block: BlockConfig = field(default_factory=BlockConfig)
    """What all blocks share."""

    def __post_init__(self) -> None:
        check_fields(self)
        lengths = {
            len(entry)
            for entry in (self.expansions, self.earlier, self.layers_global, self.dropout)
        }
        if len(lengths) > 1 or not self.expansions:
            raise ConfigError(
                "expansions, earlier, layers_global and dropout need one entry per block, "
                f"got {len(self.expansions)}, {len(self.earlier)}, {len(self.layers_global)} "
                f"and {len(self.dropout)}"
            )
        for number, sources in enumerate(self.earlier, start=1):
            if not all(0 <= source < number for source in sources):
                raise ConfigError(f"block {number} can take outputs of blocks before it: {sources}")
        if not 1 <= len(self.sizes) <= 3:
            raise ConfigError(f"sizes are those of 1 to 3 axes, got {self.sizes}")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels before the first block and after each."""
        steps = itertools.accumulate(self.expansions, lambda width, step: width * step,
                                     initial=self.channels)  # fmt: skip
        return tuple(steps)

    def shapes(self) -> list[BlockShape]:
        """Return the shape of every block."""
        widths = self.widths
        return [
            BlockShape(
                channels=widths[i],
                expansion=self.expansions[i],
                sizes=self.sizes,
                earlier_channels=(
                    widths[first] if first else 0,
                    widths[second] if second else 0,
                ),
                layers_global=self.layers_global[i],
                dropout=self.dropout[i],
            )
            for i, (first, second) in enumerate(self.earlier)
        ]


class Terminator(nn.Module):
    """Slow-fast network from (B, C, *S) to class scores.

    Args:
        config: the network.
        points_of: coordinates of one axis; the parity check brings its own.
        generator: source of the draws; None is the global one.

    Raises:
        ConfigError: when channels, groups, earlier outputs or sizes do not fit together.
    """

    def __init__(
        self,
        config: TerminatorConfig,
        *,
        points_of: PointsOf = axis_points,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_kind(config, TerminatorConfig, "config")
        self.config = config
        self.num_features = config.widths[-1]
        self.blocks = nn.ModuleList(
            SFNEBlock(config.block, shape, points_of=points_of, generator=generator)
            for shape in config.shapes()
        )
        self.num_classes = config.num_classes
        self.head = self._head(config.num_classes, generator)

    def _head(self, num_classes: int, generator: torch.Generator | None) -> nn.Module:
        if num_classes == 0:
            return nn.Identity()
        head = nn.Linear(self.num_features, num_classes)
        with torch.no_grad():
            head.weight.normal_(0, (2 / self.num_features) ** 0.5, generator=generator)
            head.bias.zero_()
        return head

    def reset_classifier(
        self, num_classes: int, *, generator: torch.Generator | None = None
    ) -> None:
        """Replace the head by a new one for `num_classes` (0: features instead of scores).

        Raises:
            ConfigError: for a number that is none of classes.
        """
        checked(num_classes, Classes, "num_classes")
        like = next(self.blocks.parameters())
        self.num_classes = num_classes
        self.head = self._head(num_classes, generator).to(like)

    def get_classifier(self) -> nn.Module:
        """Return the head."""
        return self.head

    def encode(
        self, x_BCS: Tensor, *, traces: Sequence[Trace] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Run all blocks.

        Args:
            x_BCS: (B, C, *S), floating point, finite.
            traces: one dictionary per block to fill with its intermediates.

        Returns:
            Features (B, num_features, *S), and the raw hyper-kernel (C_i, *S) of every block.

        Raises:
            ShapeError: when axes or channels are not the network's.
            DataError: for another dtype, or numbers that are not finite.
        """
        check_input(x_BCS, channels=self.config.channels, num_axes=len(self.config.sizes))
        check_dtype(x_BCS, next(self.blocks.parameters()))
        outputs: list[Tensor] = []
        kernels: list[Tensor] = []
        for i, block in enumerate(self.blocks):
            sources = [outputs[j - 1] if j else None for j in self.config.earlier[i]]
            current = outputs[-1] if outputs else x_BCS
            out, kernel = block(current, sources, trace=traces[i] if traces else None)
            outputs.append(out)
            kernels.append(kernel)
        return outputs[-1], kernels

    def forward_features(self, x_BCS: Tensor) -> Tensor:
        """Return features before pooling, (B, num_features, *S)."""
        return self.encode(x_BCS)[0]

    def forward_head(self, features_BCS: Tensor, *, pre_logits: bool = False) -> Tensor:
        """Pool over positions, then apply the head unless `pre_logits`."""
        pooled_BC = features_BCS.flatten(2).mean(2)
        scores: Tensor = pooled_BC if pre_logits else self.head(pooled_BC)
        return scores

    def forward_with_kernels(self, x_BCS: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return scores (B, classes) and the hyper-kernels that the slow loss compares."""
        features_BCS, kernels = self.encode(x_BCS)
        return self.forward_head(features_BCS), kernels

    def forward(self, x_BCS: Tensor) -> Tensor:
        """Return scores, (B, classes)."""
        return self.forward_head(self.forward_features(x_BCS))


def check_input(x_BCS: Tensor, *, channels: int, num_axes: int) -> None:
    """Refuse what the network cannot read; the values are looked at in eager mode only.

    Raises:
        KindError: when it is no tensor.
        ShapeError: when axes or channels differ, or there is no sample.
        DataError: when numbers are not floating point or not finite.
    """
    check_kind(x_BCS, Tensor, "the input of a network")
    letters = {1: "(B, C, N)", 2: "(B, C, H, W)", 3: "(B, C, T, H, W)"}[num_axes]
    if x_BCS.ndim != num_axes + 2 or x_BCS.shape[1] != channels:
        raise ShapeError(
            f"the network takes {letters} with {channels} channels, got {tuple(x_BCS.shape)}"
        )
    if len(x_BCS) == 0:
        raise ShapeError(f"a batch holds at least one sample, got {tuple(x_BCS.shape)}")
    if not x_BCS.is_floating_point():
        raise DataError(f"the network takes floating point numbers, got {x_BCS.dtype}")
    if not torch.compiler.is_compiling() and not bool(torch.isfinite(x_BCS).all()):
        raise DataError("the input holds numbers that are not finite (NaN or infinity)")


def check_dtype(x_BCS: Tensor, weight: Tensor) -> None:
    """Refuse an input of another precision than the weights, unless autocast joins the two.

    Raises:
        DataError: when it is.
    """
    if x_BCS.dtype != weight.dtype and not torch.is_autocast_enabled(x_BCS.device.type):
        names = [str(tensor.dtype).removeprefix("torch.") for tensor in (weight, x_BCS)]
        raise DataError(f"the network is {names[0]} and its input {names[1]}: convert one of them")
