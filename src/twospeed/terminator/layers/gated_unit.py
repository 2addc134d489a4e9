"""The recursive gated unit (RGU): channel mixing with a gate of second order.

    a = W_K z;  v = W_V z;  r = φ(IS(a ⊙ (W_Q v))) + P_r;  RGU(z) = W_Y r

W_Q W_V is a product of two linear maps with nothing between; the fast evaluation folds it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from twospeed.terminator.layers.channel_linear import ChannelLinear
from twospeed.terminator.layers.slow_net import resized_map
from twospeed.terminator.layers.standardization import standardize_instance


class RecursiveGatedUnit(nn.Module):
    """RGU, (B, C, *S) -> (B, C, *S).

    Args:
        channels: C.
        sizes: base grid of the map P_r; None leaves the map out.
        out_bias: whether W_Y has a bias; it is idle in a block, where a standardization follows.
        causal: whether IS may look only at the past.
        generator: source of the draws; None is the global one.
    """

    def __init__(
        self,
        channels: int,
        *,
        sizes: Sequence[int] | None = None,
        out_bias: bool = True,
        causal: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.causal = causal
        self.key, self.value, self.query = (
            ChannelLinear(channels, channels, spread="uniform", generator=generator)
            for _ in range(3)
        )
        self.out = ChannelLinear(
            channels, channels, bias=out_bias, spread="uniform", generator=generator
        )
        self.bias_map = None if sizes is None else nn.Parameter(torch.zeros(tuple(sizes)))

    def forward(self, z_BCS: Tensor) -> Tensor:
        """Mix the channels of (B, C, *S)."""
        product_BCS = self.key(z_BCS) * self.query(self.value(z_BCS))
        gated_BCS = functional.gelu(standardize_instance(product_BCS, causal=self.causal))
        if self.bias_map is not None:
            gated_BCS = gated_BCS + resized_map(self.bias_map, z_BCS.shape[2:])
        out: Tensor = self.out(gated_BCS)
        return out
