"""Networks that tell commands apart: a Terminator and a convolutional network, equally large.

Both read what one strided convolution makes of a clip's frames, stacked as channels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.random import initial_weights_of, seed_of
from twospeed.core.ranges import FrameSize, Width
from twospeed.terminator.baselines import num_parameters
from twospeed.terminator.fast.evaluator import FastTerminator
from twospeed.terminator.network import Terminator, TerminatorConfig
from twospeed.worldmodel.blocks import ResidualBlock

STRIDE = 4
"""Pixels of one cell."""

LEAST_TERMINATOR = 20
"""Pixels: its widest local kernel needs five cells."""

_CHANNELS = 24
_BLOCKS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkShape:
    """What a network reads and gives."""

    frames: Width
    """Frames of a clip, the one before the chunk included."""

    frame_size: FrameSize
    """Height and width in pixels; a multiple of 4."""

    outputs: Width
    """Commands and "none of these"."""


class TerminatorReader(nn.Module):
    """A stem and a Terminator of two blocks, (B, 3 * frames, H, W) -> scores (B, outputs)."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.stem = _stem(shape, _CHANNELS)
        cells = shape.frame_size // STRIDE
        network = Terminator(
            TerminatorConfig(
                channels=_CHANNELS,
                sizes=(cells, cells),
                num_classes=shape.outputs,
                expansions=(1, 1),
                earlier=((0, 0), (0, 0)),
                layers_global=(3, 2),
                dropout=(0.0, 0.0),
            )
        )
        self.network = FastTerminator(network)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return scores."""
        scores: Tensor = self.network(self.stem(x_BCHW))
        return scores


class ConvolutionReader(nn.Module):
    """A stem and residual blocks, as large as the Terminator; the same inputs and outputs."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        width = _equal_width(shape)
        self.stem = _stem(shape, width)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(_BLOCKS)))
        self.head = nn.Linear(width, shape.outputs)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return scores."""
        scores: Tensor = self.head(self.blocks(self.stem(x_BCHW)).mean((2, 3)))
        return scores


def _stem(shape: NetworkShape, width: int) -> nn.Conv2d:
    return nn.Conv2d(3 * shape.frames, width, STRIDE, stride=STRIDE)


def _equal_width(shape: NetworkShape) -> int:
    """Return the width at which the convolutional network has as many numbers."""
    with torch.device("meta"):
        wanted = num_parameters(TerminatorReader(shape))
    stem = 3 * shape.frames * STRIDE**2 + 1
    return min(
        range(8, 257),
        key=lambda width: abs(
            width * stem + _BLOCKS * 2 * width * (9 * width + 1)
            + (width + 1) * shape.outputs - wanted
        ),
    )  # fmt: skip


def check_size_of(name: str, shape: NetworkShape) -> None:
    """Refuse frames that are too small for a network.

    Raises:
        ConfigError: then.
    """
    if name == "terminator" and shape.frame_size < LEAST_TERMINATOR:
        raise ConfigError(
            f"a terminator reads frames of {LEAST_TERMINATOR} pixels or more, got"
            f' {shape.frame_size}: take networks=["convolution"]'
        )


NETWORKS: dict[str, Callable[[NetworkShape], nn.Module]] = {
    "terminator": TerminatorReader,
    "convolution": ConvolutionReader,
}
"""Name -> network."""


def build_network(name: str, shape: NetworkShape, *, seed: int = 0) -> nn.Module:
    """Build a network whose first weights `seed` decides.

    Raises:
        UnknownNameError: for another name.
    """
    build = lookup(NETWORKS, name, "network of inverse dynamics")
    with initial_weights_of(seed_of(seed, "inverse dynamics")):
        return build(shape)
