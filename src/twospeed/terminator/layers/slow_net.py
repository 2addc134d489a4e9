"""Slow nets: sine multiplicative filter networks from coordinates to hyper-kernels.

Eq. 2-3 of the paper, with the map P of its author's code:

    g_i(c) = sin(Ω_i c + ψ_i),  h_0 = g_0,  h_i = g_i ⊙ (A_i h_{i-1} + a_i) + P,  K = A_o h_L + a_o

Holds not: the local net, which also reads the data (local_net.py).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from twospeed.core.errors import ConfigError
from twospeed.core.fields import check_fields
from twospeed.core.ranges import Above, Width, Within
from twospeed.terminator.layers.channel_linear import uniform_
from twospeed.terminator.layers.coordinates import widest_step

GAMMA_SHAPE = 6.0

Layers = Annotated[int, Within(1, 64)]
"""Layers of a slow net."""

Size = Annotated[int, Within(1, 2**27)]
"""Positions along an axis."""


@dataclass(frozen=True, kw_only=True)
class SlowNetConfig:
    """Size and start of one slow net."""

    sizes: tuple[Size, ...] = (32, 32)
    """Points per axis of the base grid; other grids are given at the call."""

    outputs: Width = 1
    """Number of hyper-kernels drawn at once."""

    width: Width = 64
    """Hidden units h."""

    layers: Layers = 2
    """Products of filters L; there are L + 1 filters."""

    omega0: Annotated[float, Above(0, 1e9)] | None = None
    """Base frequency; None takes the highest one that the base grid can hold (`nyquist_omega0`)."""

    out_scale: float = 1.0
    """Factor on the output weights at construction, such as 1/sqrt(contraction length)."""

    bias_map: bool = True
    """Whether there is a learned map P, one number per position of the base grid."""

    def __post_init__(self) -> None:
        check_fields(self)
        if not 1 <= len(self.sizes) <= 3:
            raise ConfigError(f"a slow net has 1 to 3 axes, got {self.sizes}")


def nyquist_omega0(sizes: Sequence[int], layers: int) -> float:
    """Return the base frequency at which the phase moves by π per grid step.

    The phase step 2π·ω0·γ·step/sqrt(d), summed over the L + 1 filters with γ at its mean
    6/(i + 1), is π.
    """
    gamma = sum(GAMMA_SHAPE / (i + 1) for i in range(layers + 1))
    return math.sqrt(len(sizes)) / (2 * widest_step(sizes) * gamma)


class FilterNet(nn.Module):
    """The parameters that every slow net has, and its sine filters.

    The phase is computed in double precision outside autocast: at ω0 = 2000 it reaches
    1e5 radians, more than single precision can hold to a thousandth.

    Args:
        config: sizes and start.
        generator: source of the draws; None is the global one.
    """

    def __init__(self, config: SlowNetConfig, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        width, layers, num_axes = config.width, config.layers, len(config.sizes)
        omega0 = config.omega0 or nyquist_omega0(config.sizes, layers)
        self.frequencies = nn.ParameterList(
            draw_frequencies(width, num_axes, omega0, i, generator) for i in range(layers + 1)
        )
        self.phases = nn.ParameterList(torch.zeros(width) for _ in range(layers + 1))
        self.weights = square_weights(layers, width, generator)
        self.biases = nn.ParameterList(torch.ones(width) for _ in range(layers))
        out = uniform_(torch.empty(config.outputs, width), math.sqrt(3 / width), generator)
        self.out_weight = nn.Parameter(out * config.out_scale)
        self.out_bias = nn.Parameter(torch.zeros(config.outputs))
        self.bias_map = nn.Parameter(torch.zeros(config.sizes)) if config.bias_map else None

    def filter(self, index: int, grid_DS: Tensor) -> Tensor:
        """Return g_i = sin(Ω_i c + ψ_i), (h, *S), in the dtype of the weights."""
        frequency_HD = self.frequencies[index].double()
        phase_HN = frequency_HD @ grid_DS.flatten(1).double() + self.phases[index].double()[:, None]
        wave_HN = torch.sin(phase_HN).to(self.out_weight.dtype)
        return wave_HN.reshape(-1, *grid_DS.shape[1:])

    def shift(self, sizes: Sequence[int]) -> Tensor | float:
        """Return P on a grid of `sizes`, 0 where the net has none."""
        return 0.0 if self.bias_map is None else resized_map(self.bias_map, sizes)


class SlowNet(FilterNet):
    """A kernel for every output, drawn from coordinates alone."""

    def forward(self, grid_DS: Tensor) -> Tensor:
        """Draw the kernels at the given coordinates.

        Args:
            grid_DS: (D, *S), in [-1, 1], from `grid_of`.

        Returns:
            (outputs, *S).
        """
        with torch.autocast(grid_DS.device.type, enabled=False):
            hidden_HS = self.filter(0, grid_DS)
            shift_S = self.shift(grid_DS.shape[1:])
            for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
                linear_HS = apply_matrix(weight, bias, hidden_HS)
                hidden_HS = self.filter(i + 1, grid_DS) * linear_HS + shift_S
            return apply_matrix(self.out_weight, self.out_bias, hidden_HS)


def draw_frequencies(
    width: int, num_axes: int, omega0: float, index: int, generator: torch.Generator | None
) -> Tensor:
    """Draw Ω_i: uniform in ±1/sqrt(d), times 2π·ω0·γ with γ ~ Gamma(6/(i+1), 1), (h, d)."""
    direction = uniform_(torch.empty(width, num_axes), 1 / math.sqrt(num_axes), generator)
    shape = torch.full((width, num_axes), GAMMA_SHAPE / (index + 1))
    return 2 * math.pi * omega0 * torch._standard_gamma(shape, generator) * direction


def square_weights(layers: int, width: int, generator: torch.Generator | None) -> nn.ParameterList:
    """Draw the matrices of all layers, uniform in ±sqrt(3/h), each (h, h)."""
    bound = math.sqrt(3 / width)
    return nn.ParameterList(
        uniform_(torch.empty(width, width), bound, generator) for _ in range(layers)
    )


def apply_matrix(weight_OH: Tensor, bias_O: Tensor, hidden_HS: Tensor) -> Tensor:
    """Return W h + b at every position, (..., H, *S) without batch axis -> (O, *S)."""
    out_ON = weight_OH @ hidden_HS.flatten(1) + bias_O[:, None]
    return out_ON.reshape(-1, *hidden_HS.shape[1:])


def resized_map(map_S: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return a learned map interpolated linearly to another grid; its own size is exact."""
    if tuple(map_S.shape) == tuple(sizes):
        return map_S
    mode = ("linear", "bilinear", "trilinear")[map_S.ndim - 1]
    resized = functional.interpolate(
        map_S[None, None], size=tuple(sizes), mode=mode, align_corners=min(map_S.shape) > 1
    )
    return resized[0, 0]
