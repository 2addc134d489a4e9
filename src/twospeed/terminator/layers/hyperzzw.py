"""The global HyperZ·Z·W operator as a module, with the slow net that draws its kernel."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from twospeed.core.errors import ConfigError
from twospeed.terminator.layers.coordinates import grid_of
from twospeed.terminator.layers.operators import contraction_length, mix
from twospeed.terminator.layers.slow_net import SlowNet, SlowNetConfig


@dataclass(frozen=True, kw_only=True)
class HyperZZWConfig:
    """One global operator."""

    channels: int
    """C."""

    sizes: tuple[int, ...]
    """Base grid: (N,), (H, W) or (T, H, W)."""

    operator: str = "auto"
    """auto, matmul, fft or hadamard."""

    mixing: tuple[float, ...] = ()
    """Weight per axis for matmul; empty takes the usual ones."""

    causal: bool = False
    """Whether outputs depend on the past only."""

    width: int = 64
    """Hidden units of the slow net."""

    layers: int = 2
    """Layers of the slow net."""

    omega0: float = 0.0
    """Base frequency; 0 takes the Nyquist rule."""

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise ConfigError(f"channels must be at least 1, got {self.channels}")


class HyperZZW(nn.Module):
    """out = mix(z ⊙ K, y): features z make a kernel of the hyper-kernel K, it acts on y.

    Args:
        config: sizes and kind.
        generator: source of the draws; None is the global one.
    """

    def __init__(self, config: HyperZZWConfig, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        scale = contraction_length(config.operator, config.sizes) ** -0.5
        net = SlowNetConfig(
            sizes=config.sizes,
            outputs=config.channels,
            width=config.width,
            layers=config.layers,
            omega0=config.omega0 or None,
            out_scale=scale,
        )
        self.slow_net = SlowNet(net, generator=generator)

    def kernel(self, sizes: Sequence[int]) -> Tensor:
        """Draw K for positions of the given sizes, (C, *sizes)."""
        drawn: Tensor = self.slow_net(grid_of(sizes).to(self.slow_net.out_weight.device))
        return drawn

    def forward(
        self, z_BCS: Tensor, y_BCS: Tensor | None = None, *, kernel_CS: Tensor | None = None
    ) -> Tensor:
        """Apply the operator.

        Args:
            z_BCS: features that make the kernel, (B, C, *S).
            y_BCS: features that it acts on; None takes z.
            kernel_CS: K, when it was drawn before.

        Returns:
            (B, C, *S).

        Raises:
            ShapeError: when z and y differ in channels or positions.
        """
        drawn = self.kernel(z_BCS.shape[2:]) if kernel_CS is None else kernel_CS
        return mix(
            z_BCS * drawn.to(z_BCS.dtype),
            z_BCS if y_BCS is None else y_BCS,
            operator=self.config.operator,
            mixing=self.config.mixing or None,
            causal=self.config.causal,
        )
