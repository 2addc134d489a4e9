"""What a block is made of: choices shared by all blocks, and the shape of one block."""

import math
from dataclasses import dataclass
from typing import Annotated

from twospeed.core.errors import ConfigError
from twospeed.core.fields import check_fields
from twospeed.core.ranges import Width, Within
from twospeed.terminator.layers.branches import check_tiling, read_branch
from twospeed.terminator.layers.local_net import ContextConfig
from twospeed.terminator.layers.operators import OPERATORS, contraction_length, mixing_weights
from twospeed.terminator.layers.slow_net import Layers, Size, SlowNetConfig
from twospeed.terminator.layers.standardization import STATISTICS

CHOICES = {
    "operator": ("auto", *OPERATORS),
    "statistics": STATISTICS,
    "scaling": ("contraction", "grid"),
    "gate": ("identity", "sigmoid"),
    "hci_order": ("after", "before"),
}

AUTHOR_BRANCHES = (
    "o", "local-9-q-x", "e1", "f", "Zm", "local-3-x-q", "silu", "local-5-m-x", "Zq",
    "local-7-x-m", "e2", "hi",
)  # fmt: skip
"""Concatenation order of the author's code; e1 and e2 where a block takes them."""

PAPER_BRANCHES = (
    "o", "f", "Zm", "local-5-x-q", "silu", "local-9-m-x", "Zq", "local-7-x-m", "hi",
)  # fmt: skip
"""The nine branches of the paper's diagram, in the author's order."""


Dropout = Annotated[float, Within(0, 0.999)]
"""Probability of dropping a channel in training."""

MOST_CHANNELS = 16_384
"""Of a block's output."""


@dataclass(frozen=True, kw_only=True)
class BlockConfig:
    """What all blocks of a network share; the defaults are what we recommend."""

    branches: tuple[str, ...] = AUTHOR_BRANCHES
    """Names of layers/branches.py in the order of their concatenation."""

    operator: str = "auto"
    """Second step of the global operator: auto, matmul, fft or hadamard."""

    mixing: tuple[float, ...] = ()
    """Weight per position axis for matmul; empty takes rows (images), time and rows (clips)."""

    causal: bool = False
    """Whether an output may depend on the past only; sequences and clips."""

    width_global: Width = 64
    """Hidden units of the global slow net."""

    width_local: Width = 32
    """Hidden units of the local slow nets."""

    width_hci: Width = 32
    """Hidden units of the slow net of HCI."""

    width_hi_channel: Width = 16
    """Hidden units of the channel slow net of HI."""

    width_hi_spatial: Width = 64
    """Hidden units of the spatial slow net of HI."""

    layers: Layers = 2
    """Layers L of every slow net but the global one."""

    omega0: Annotated[float, Within(0, 1e9)] = 0.0
    """Base frequency of all slow nets; 0 takes the Nyquist rule for each grid."""

    scaling: str = "contraction"
    """Kernels start at 1/sqrt of the products summed, or of the grid points ("grid")."""

    statistics: str = "running"
    """Batch standardization at evaluation: running averages, or the batch's own."""

    local_context: str = "sample"
    """Local kernels per sample, per batch, or without context ("none")."""

    learned_renormalization: bool = True
    """Whether α and β of the s-renormalization are trained."""

    stop_gradient: bool = False
    """Whether the s-renormalization stops the gradient of its main term."""

    gate: str = "identity"
    """Gates of HCI and HI: 2σ around 1 with a learned gain, or the published σ."""

    hci_order: str = "after"
    """Whether the HCI gate acts after the standardization, or before and in vain."""

    groups: Width = 12
    """Groups of the group instance-batch standardization."""

    bias_maps: bool = True
    """Whether slow nets over positions and RGUs have learned maps."""

    idle_biases: bool = False
    """Whether biases that a later standardization removes exist."""

    def __post_init__(self) -> None:
        check_fields(self)
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                )
        if not self.branches or len(set(self.branches)) < len(self.branches):
            raise ConfigError(f"branches must be one or more, each once, got {self.branches}")
        for name in self.branches:
            read_branch(name)
        if self.causal and self.statistics != "running":
            raise ConfigError("causal use needs statistics='running': a batch holds the future")
        self.context()

    def context(self) -> ContextConfig:
        """Return how local slow nets read their context."""
        return ContextConfig(
            scope=self.local_context,
            learned=self.learned_renormalization,
            stop_gradient=self.stop_gradient,
        )


@dataclass(frozen=True, kw_only=True)
class BlockShape:
    """What is one block's own."""

    channels: Width
    """C at its input."""

    expansion: Width
    """λ; the output has λC channels."""

    sizes: tuple[Size, ...]
    """Base grid of positions: (N,), (H, W) or (T, H, W)."""

    earlier_channels: tuple[int, int] = (0, 0)
    """Channels of the earlier outputs e1 and e2; 0 where the block takes none."""

    layers_global: Layers = 2
    """Layers L of the global slow net."""

    dropout: Dropout = 0.0
    """Probability of dropping an output channel in training."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.channels * self.expansion > MOST_CHANNELS:
            raise ConfigError(
                f"a block of {self.channels:,} channels, {self.expansion:,} times as many at its "
                f"output, has more than {MOST_CHANNELS:,}: take smaller widths"
            )
        for num_earlier in self.earlier_channels:
            if num_earlier:
                check_tiling(num_earlier, self.channels)

    def branches(self, config: BlockConfig) -> tuple[str, ...]:
        """Return the branches that this block has: e1 and e2 only where it takes them."""
        there = dict(zip(("e1", "e2"), self.earlier_channels, strict=True))
        for name, channels in there.items():
            if channels and name not in config.branches:
                raise ConfigError(f"a block takes {name}, but branches do not name it")
        if config.mixing:
            mixing_weights(config.mixing, len(self.sizes))
        if config.causal and len(self.sizes) == 2:
            raise ConfigError("an image has no time axis: causal works for sequences and clips")
        if config.causal and len(self.sizes) == 1 and config.local_context != "none":
            raise ConfigError("causal sequences need local_context='none': a pool sees the future")
        if config.causal and config.local_context == "batch":
            raise ConfigError(
                "causal clips need local_context sample or none: a batch's mean sees the future"
            )
        return tuple(name for name in config.branches if there.get(name, 1))

    def _gate_net(
        self, config: BlockConfig, sizes: tuple[int, ...], width: int, *, bias_map: bool
    ) -> SlowNetConfig:
        return SlowNetConfig(
            sizes=sizes,
            width=width,
            layers=config.layers,
            omega0=config.omega0 or None,
            out_scale=math.prod(sizes) ** -0.5 if config.scaling == "grid" else 1.0,
            bias_map=bias_map,
        )

    def global_net(self, config: BlockConfig) -> SlowNetConfig:
        """Slow net of K."""
        length = contraction_length(config.operator, self.sizes)
        scale = math.prod(self.sizes) if config.scaling == "grid" else length
        return SlowNetConfig(
            sizes=self.sizes,
            outputs=self.channels,
            width=config.width_global,
            layers=self.layers_global,
            omega0=config.omega0 or None,
            out_scale=scale**-0.5,
            bias_map=config.bias_maps,
        )

    def local_net(self, config: BlockConfig, kernel_size: int) -> SlowNetConfig:
        """Slow net of one local branch; clips are filtered frame by frame."""
        num_axes = min(2, len(self.sizes))
        sizes = (kernel_size,) * num_axes
        return SlowNetConfig(
            sizes=sizes,
            outputs=self.channels,
            width=config.width_local,
            layers=config.layers,
            omega0=config.omega0 or None,
            out_scale=math.prod(sizes) ** -0.5,
        )

    def hci_net(self, config: BlockConfig) -> SlowNetConfig:
        """Slow net of κ in HCI."""
        return self._gate_net(config, (self.channels,), config.width_hci, bias_map=True)

    def hi_channel_net(self, config: BlockConfig) -> SlowNetConfig:
        """Slow net of κ_c in HI."""
        return self._gate_net(config, (self.channels,), config.width_hi_channel, bias_map=True)

    def hi_spatial_net(self, config: BlockConfig) -> SlowNetConfig:
        """Slow net of κ_s in HI."""
        return self._gate_net(
            config, self.sizes, config.width_hi_spatial, bias_map=config.bias_maps
        )
