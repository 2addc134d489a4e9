"""Gates of the two-elementwise form: hyper-channel (HCI) and hyper-interaction (HI).

Author: s = σ(κ ⊙ z²) for HCI, σ((κ_s ⊙ z_s²)·(κ_c ⊙ z_c²)) for HI, z pooled features.
At the start those scores are tiny, the gate is 0.5 everywhere and hardly learns. The identity
form standardizes the descriptors, multiplies the score by a learned gain that starts at 0, and
takes 2σ, so that a new gate is exactly 1 and learns from the first step.
"""

import torch
from torch import Tensor, nn

from twospeed.terminator.layers.operators import square_gate
from twospeed.terminator.layers.position_statistics import EPSILON, mean_over_positions
from twospeed.terminator.layers.slow_net import SlowNet, SlowNetConfig
from twospeed.terminator.layers.standardization import standardize_instance


class Gate(nn.Module):
    """From a score to a factor: σ(score), or 2σ(gain·score) with a gain that starts at 0.

    Args:
        identity: which of the two.
    """

    def __init__(self, *, identity: bool) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(())) if identity else None

    def forward(self, score: Tensor) -> Tensor:
        """Map any score to (0, 1), or to (0, 2) around 1."""
        if self.gain is None:
            return torch.sigmoid(score)
        return 2 * torch.sigmoid(self.gain * score)


def standardize_channels(z_BCS: Tensor) -> Tensor:
    """Standardize a descriptor over its channels, position by position."""
    variance, mean = torch.var_mean(z_BCS, 1, correction=0, keepdim=True)
    return (z_BCS - mean) * torch.rsqrt(variance + EPSILON)


def along_channels(kappa_C: Tensor, like: Tensor) -> Tensor:
    """Give a (C,) vector as many position axes as `like` has."""
    return kappa_C.view(-1, *(1,) * (like.ndim - 2))


class HyperChannelInteraction(nn.Module):
    """HCI: a factor per sample and channel, (B, C, 1...); κ is drawn by a 1-D slow net.

    Args:
        net: configuration of the slow net, `sizes` (C,).
        identity: the form of the gate.
        causal: whether the descriptor may look only at the past.
        generator: source of the draws; None is the global one.
    """

    def __init__(
        self,
        net: SlowNetConfig,
        *,
        identity: bool,
        causal: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.slow_net = SlowNet(net, generator=generator)
        self.gate = Gate(identity=identity)
        self.identity, self.causal = identity, causal

    def score(self, x_BCS: Tensor, kappa_C: Tensor) -> Tensor:
        """Return κ ⊙ z ⊙ z before the gate, (B, C, 1...)."""
        z_BC1 = mean_over_positions(x_BCS, causal=self.causal)
        if self.identity:
            z_BC1 = standardize_channels(z_BC1)
        return square_gate(z_BC1, along_channels(kappa_C, x_BCS))

    def forward(self, x_BCS: Tensor, kappa_C: Tensor) -> Tensor:
        """Return the factors for `x_BCS`."""
        factor: Tensor = self.gate(self.score(x_BCS, kappa_C))
        return factor


class HyperInteraction(nn.Module):
    """HI: a factor per sample, channel and position, (B, C, *S), from two descriptors of y.

    Args:
        channel_net: slow net of κ_c, `sizes` (C,).
        spatial_net: slow net of κ_s, `sizes` the base grid.
        identity: the form of the gate.
        causal: whether descriptors may look only at the past.
        generator: source of the draws; None is the global one.
    """

    def __init__(
        self,
        channel_net: SlowNetConfig,
        spatial_net: SlowNetConfig,
        *,
        identity: bool,
        causal: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.channel_net = SlowNet(channel_net, generator=generator)
        self.spatial_net = SlowNet(spatial_net, generator=generator)
        self.gate = Gate(identity=identity)
        self.identity, self.causal = identity, causal

    def scores(self, y_BCS: Tensor, kappa_C: Tensor, kappa_S: Tensor) -> tuple[Tensor, Tensor]:
        """Return κ_c ⊙ z_c², (B, C, 1...), and κ_s ⊙ z_s², (B, 1, *S)."""
        z_BC1 = mean_over_positions(y_BCS, causal=self.causal)
        z_B1S = y_BCS.mean(1, keepdim=True)
        if self.identity:
            z_BC1 = standardize_channels(z_BC1)
            z_B1S = standardize_instance(z_B1S, causal=self.causal)
        return square_gate(z_BC1, along_channels(kappa_C, y_BCS)), square_gate(z_B1S, kappa_S)

    def forward(self, y_BCS: Tensor, kappa_C: Tensor, kappa_S: Tensor) -> Tensor:
        """Return the factors that `y_BCS` gives."""
        score_BC1, score_B1S = self.scores(y_BCS, kappa_C, kappa_S)
        factor: Tensor = self.gate(score_B1S * score_BC1)
        return factor
