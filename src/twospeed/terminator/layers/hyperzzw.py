"""The global HyperZ·Z·W operator as a module, with the slow net that draws its kernel."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from twospeed.core.arguments import check_kind
from twospeed.core.errors import ConfigError, KindError, ShapeError, lookup
from twospeed.core.fields import check_fields
from twospeed.core.ranges import Width
from twospeed.terminator.layers.coordinates import grid_of
from twospeed.terminator.layers.operators import OPERATORS, contraction_length, mix
from twospeed.terminator.layers.slow_net import Layers, Size, SlowNet, SlowNetConfig


@dataclass(frozen=True, kw_only=True)
class HyperZZWConfig:
    """One global operator."""

    channels: Width
    """C."""

    sizes: tuple[Size, ...]
    """Base grid: (N,), (H, W) or (T, H, W)."""

    operator: str = "auto"
    """auto, matmul, fft or hadamard."""

    mixing: tuple[float, ...] = ()
    """Weight per axis for matmul; empty takes the usual ones."""

    causal: bool = False
    """Whether outputs depend on the past only."""

    width: Width = 64
    """Hidden units of the slow net."""

    layers: Layers = 2
    """Layers of the slow net."""

    omega0: float = 0.0
    """Base frequency; 0 takes the Nyquist rule."""

    def __post_init__(self) -> None:
        check_fields(self)
        lookup({"auto": None, **OPERATORS}, self.operator, "operator")
        if not 1 <= len(self.sizes) <= 3:
            raise ConfigError(f"sizes are those of 1 to 3 axes, got {self.sizes}")


class HyperZZW(nn.Module):
    """out = mix(z ⊙ K, y): features z make a kernel of the hyper-kernel K, it acts on y.

    Args:
        config: sizes and kind.
        generator: source of the draws; None is the global one.
    """

    def __init__(self, config: HyperZZWConfig, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        check_kind(config, HyperZZWConfig, "config")
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
            KindError: when something is no tensor of floating-point numbers.
            ShapeError: when z, y and K differ in channels or positions, or are not of this
                operator's channels and axes.
        """
        self._check(z_BCS, "z")
        if y_BCS is not None:
            self._check(y_BCS, "y")
        if kernel_CS is not None:
            check_kind(kernel_CS, Tensor, "kernel")
            if kernel_CS.shape != z_BCS.shape[1:]:
                raise ShapeError(
                    f"kernel should be {tuple(z_BCS.shape[1:])}, got {tuple(kernel_CS.shape)}"
                )
        drawn = self.kernel(z_BCS.shape[2:]) if kernel_CS is None else kernel_CS
        return mix(
            z_BCS * drawn.to(z_BCS.dtype),
            z_BCS if y_BCS is None else y_BCS,
            operator=self.config.operator,
            mixing=self.config.mixing or None,
            causal=self.config.causal,
        )

    def _check(self, values_BCS: Tensor, name: str) -> None:
        """Refuse what the operator cannot act on."""
        check_kind(values_BCS, Tensor, name)
        axes, channels = len(self.config.sizes), self.config.channels
        if values_BCS.ndim != axes + 2 or values_BCS.shape[1] != channels:
            raise ShapeError(
                f"{name} has a batch, {channels} channels and {axes} axes of positions, got"
                f" {tuple(values_BCS.shape)}"
            )
        if not values_BCS.is_floating_point():
            raise KindError(f"{name} is of floating-point numbers, got {values_BCS.dtype}")
