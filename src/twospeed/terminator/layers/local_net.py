"""The slow net of a local branch: a k x k kernel from coordinates and from what it will act on.

What the author calls "HyperZ·Z·W inside the generation". With ζ the pooled and reduced context,

    u_i = g_i(c) ⊙ (A_i h_{i-1} + a_i) + P
    v_i = α_i ⊙ sg[u_i] + β_i ⊙ u_i / ||u_i||        (s-renormalization, eq. 4)
    h_i = v_i ⊙ (B_i ζ + b_i)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from twospeed.core.errors import ConfigError
from twospeed.core.fields import check_fields
from twospeed.terminator.layers.channel_linear import ChannelLinear, mix_channels
from twospeed.terminator.layers.slow_net import FilterNet, SlowNetConfig, square_weights

POOLS: dict[int, Callable[[Tensor, Any], Tensor]] = {
    1: functional.adaptive_avg_pool1d,
    2: functional.adaptive_avg_pool2d,
}
CONTEXTS = ("sample", "batch", "none")


@dataclass(frozen=True, kw_only=True)
class ContextConfig:
    """How a local slow net reads its context."""

    scope: str = "sample"
    """"sample" draws a kernel per sample, "batch" one from the mean of the batch,
    "none" one from coordinates alone (for causal use)."""

    learned: bool = True
    """Whether α and β are trained; otherwise they are constants that are saved."""

    stop_gradient: bool = False
    """Whether the main term of the s-renormalization is cut off from the gradient."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.scope not in CONTEXTS:
            raise ConfigError(f"scope must be one of {', '.join(CONTEXTS)}, got {self.scope!r}")


class LocalSlowNet(FilterNet):
    """Context-made kernels, (B or 1, C, *k).

    Args:
        config: `sizes` are (k,) or (k, k); `outputs` is C.
        context: how the data come in.
        generator: source of the draws; None is the global one.
    """

    def __init__(
        self,
        config: SlowNetConfig,
        context: ContextConfig,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(config, generator=generator)
        self.context = context
        width, layers = config.width, config.layers
        self.reduce = ChannelLinear(config.outputs, width, spread="default", generator=generator)
        self.embed = ChannelLinear(width, width, spread="default", generator=generator)
        self.gate_weights = square_weights(layers, width, generator)
        self.gate_biases = nn.ParameterList(torch.ones(width) for _ in range(layers))
        for i in range(layers):
            self._register(f"alpha_{i + 1}", torch.ones(width))
            self._register(f"beta_{i + 1}", torch.full((width,), 0.1))

    def _register(self, name: str, values: Tensor) -> None:
        if self.context.learned:
            self.register_parameter(name, nn.Parameter(values))
        else:
            self.register_buffer(name, values)

    def pooled(self, source_BCS: Tensor) -> Tensor:
        """Return the context at the resolution of the kernel, (B or 1, C, *k)."""
        sizes = self.config.sizes
        if self.context.scope == "none":
            return source_BCS.new_zeros(1, source_BCS.shape[1], *sizes)
        pooled_BCS: Tensor = POOLS[len(sizes)](source_BCS, sizes)
        if self.context.scope == "batch":
            return pooled_BCS.mean(0, keepdim=True)
        return pooled_BCS

    def zeta(self, source_BCS: Tensor) -> Tensor:
        """Return ζ = φ(F(R·pool + r) + f), (B or 1, h, *k)."""
        pooled_BCS = self.pooled(source_BCS).to(self.out_weight.dtype)
        return functional.gelu(self.embed(self.reduce(pooled_BCS)))

    def renormalized(self, u_BHS: Tensor, layer: int) -> Tensor:
        """Return v = α sg[u] + β u/||u||; the norm runs over the positions of each hidden unit."""
        alpha_H1: Tensor = getattr(self, f"alpha_{layer}")[:, None]
        beta_H1: Tensor = getattr(self, f"beta_{layer}")[:, None]
        flat_BHN = u_BHS.flatten(2)
        main_BHN = flat_BHN.detach() if self.context.stop_gradient else flat_BHN
        v_BHN = alpha_H1 * main_BHN + beta_H1 * functional.normalize(flat_BHN, dim=2, eps=1e-12)
        return v_BHN.reshape(-1, *u_BHS.shape[1:])

    def forward(self, grid_DS: Tensor, source_BCS: Tensor) -> Tensor:
        """Draw the kernels.

        Args:
            grid_DS: (D, *k), in [-1, 1].
            source_BCS: what the context is pooled from, (B, C, *positions).

        Returns:
            (B, C, *k) with scope "sample", else (1, C, *k).
        """
        with torch.autocast(grid_DS.device.type, enabled=False):
            zeta_BHS = self.zeta(source_BCS)
            shift_S = self.shift(grid_DS.shape[1:])
            hidden_BHS = self.filter(0, grid_DS)[None]
            for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
                linear_BHS = mix_channels(hidden_BHS, weight, bias)
                u_BHS = self.filter(i + 1, grid_DS) * linear_BHS + shift_S
                gate_BHS = mix_channels(zeta_BHS, self.gate_weights[i], self.gate_biases[i])
                hidden_BHS = self.renormalized(u_BHS, i + 1) * gate_BHS
            return mix_channels(hidden_BHS, self.out_weight, self.out_bias)
