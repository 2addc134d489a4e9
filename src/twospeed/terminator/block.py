"""The slow-fast neural encoding block (SFNE).

Hyper-kernels are drawn by slow nets, features are made from them by the operator, all branches are
concatenated, and a bottleneck brings them to λC channels. No residual, no down-sampling.

This is the plain evaluation, line by line as the formulas of docs/terminator.md; fast/evaluator.py
computes the same sooner.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from twospeed.terminator.block_config import BlockConfig, BlockShape
from twospeed.terminator.layers.branches import LocalBranch, read_branch, tile
from twospeed.terminator.layers.channel_linear import ChannelLinear
from twospeed.terminator.layers.coordinates import PointsOf, axis_points, grid_of
from twospeed.terminator.layers.gated_unit import RecursiveGatedUnit
from twospeed.terminator.layers.gates import HyperChannelInteraction, HyperInteraction
from twospeed.terminator.layers.operators import contraction_length, mix
from twospeed.terminator.layers.slow_net import SlowNet
from twospeed.terminator.layers.standardization import (
    GroupInstanceBatchStandardization,
    standardize_instance,
)

Trace = dict[str, Tensor]
"""Name of an intermediate (as in the parity archives) -> tensor."""

DROPOUTS = {1: functional.dropout1d, 2: functional.dropout2d, 3: functional.dropout3d}


@dataclass(frozen=True, kw_only=True)
class HyperKernels:
    """What the slow nets of a block draw from coordinates alone: the same for every sample."""

    positions: Tensor
    """K, (C, *S)."""

    hci: Tensor
    """κ of HCI, (C,)."""

    hi_channel: Tensor
    """κ_c of HI, (C,)."""

    hi_spatial: Tensor
    """κ_s of HI, (*S)."""


class SFNEBlock(nn.Module):
    """One block, (B, C, *S) -> (B, λC, *S).

    Args:
        config: what all blocks of a network share.
        shape: what is this block's own.
        points_of: coordinates of one axis.
        generator: source of the draws; None is the global one.

    Raises:
        ConfigError: when channels, groups or earlier outputs do not fit together.
    """

    def __init__(
        self,
        config: BlockConfig,
        shape: BlockShape,
        *,
        points_of: PointsOf = axis_points,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.config, self.shape, self.points_of = config, shape, points_of
        channels, causal = shape.channels, config.causal
        self.branches = shape.branches(config)
        self.global_slow = SlowNet(shape.global_net(config), generator=generator)
        sizes = shape.sizes if config.bias_maps else None
        self.rgu_slow, self.rgu_fast = (
            RecursiveGatedUnit(
                channels,
                sizes=sizes,
                out_bias=config.idle_biases,
                causal=causal,
                generator=generator,
            )
            for _ in range(2)
        )
        self.mixer = ChannelLinear(channels, channels, bias=config.idle_biases, generator=generator)
        identity = config.gate == "identity"
        self.hci = HyperChannelInteraction(
            shape.hci_net(config), identity=identity, causal=causal, generator=generator
        )
        self.hi = HyperInteraction(
            shape.hi_channel_net(config),
            shape.hi_spatial_net(config),
            identity=identity,
            causal=causal,
            generator=generator,
        )
        self.locals = self._local_branches(generator)
        self.bottleneck = ChannelLinear(
            len(self.branches) * channels,
            shape.expansion * channels,
            bias=config.idle_biases,
            generator=generator,
        )
        self.standardize = GroupInstanceBatchStandardization(
            shape.expansion * channels,
            groups=config.groups,
            statistics=config.statistics,
            causal=causal,
        )
        self.shift = nn.Parameter(torch.zeros(()))

    def _local_branches(self, generator: torch.Generator | None) -> nn.ModuleDict:
        config = self.config
        return nn.ModuleDict(
            {
                name: LocalBranch(
                    local,
                    self.shape.local_net(config, local.kernel_size),
                    config.context(),
                    statistics=config.statistics,
                    idle_biases=config.idle_biases,
                    causal=config.causal,
                    generator=generator,
                )
                for name in self.branches
                if (local := read_branch(name))
            }
        )

    def hyper_kernels(self, sizes: Sequence[int]) -> HyperKernels:
        """Draw what does not depend on the data, for positions of the given sizes."""
        grid_DS = self.grid(sizes)
        channel_grid = self.grid((self.shape.channels,))
        return HyperKernels(
            positions=self.global_slow(grid_DS) * self.resolution_factor(sizes),
            hci=self.hci.slow_net(channel_grid)[0],
            hi_channel=self.hi.channel_net(channel_grid)[0],
            hi_spatial=self.hi.spatial_net(grid_DS)[0],
        )

    def grid(self, sizes: Sequence[int]) -> Tensor:
        """Return the coordinates for positions of the given sizes, on the device of the weights."""
        return grid_of(sizes, self.points_of).to(self.shift.device)

    def resolution_factor(self, sizes: Sequence[int]) -> float:
        """Return by what K shrinks when more products are summed than on the base grid."""
        if self.config.scaling != "contraction":
            return 1.0
        operator, base = self.config.operator, self.shape.sizes
        return float(
            (contraction_length(operator, base) / contraction_length(operator, sizes)) ** 0.5
        )

    def forward(
        self,
        x_BCS: Tensor,
        earlier: Sequence[Tensor | None] = (None, None),
        *,
        trace: Trace | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Evaluate the block.

        Args:
            x_BCS: (B, C, *S).
            earlier: outputs e1 and e2 of earlier blocks, None where the block takes none.
            trace: a dictionary to fill with every intermediate; None keeps nothing.

        Returns:
            The output (B, λC, *S) and the raw hyper-kernel K (C, *S) for the slow loss.
        """
        kept: Trace = {} if trace is None else trace
        kernels = self.hyper_kernels(x_BCS.shape[2:])
        parts = self.features(x_BCS, kernels, kept)
        for name, tensor in zip(("e1", "e2"), earlier, strict=True):
            if tensor is not None:
                parts[name] = tile(tensor, self.shape.channels)
        bottleneck = self.bottleneck(torch.cat([parts[name] for name in self.branches], 1))
        out = functional.gelu(self.standardize(bottleneck)) + self.shift
        out = DROPOUTS[x_BCS.ndim - 2](out, self.shape.dropout, self.training)
        kept.update(K=kernels.positions, bottleneck=bottleneck, out=out)
        return out, kernels.positions

    def features(self, x_BCS: Tensor, kernels: HyperKernels, kept: Trace) -> dict[str, Tensor]:
        """Return every branch but the earlier outputs, by name."""
        config = self.config
        Z = x_BCS * kernels.positions
        slow, fast = self.rgu_slow(Z), self.rgu_fast(x_BCS)
        f = self.instance(slow + fast)
        m = self.instance(self.mixer(x_BCS))
        q = self.gated_channels(x_BCS, kernels, kept)
        o, Zm, Zq = (
            mix(
                Z,
                values,
                operator=config.operator,
                mixing=config.mixing or None,
                causal=config.causal,
            )
            for values in (f, m, q)
        )
        kept.update(Z=Z, rgu_slow=slow, rgu_fast=fast, f=f, m=m, q=q, o=o, Zm=Zm, Zq=Zq)
        parts = {"o": o, "f": f, "Zm": Zm, "Zq": Zq, "silu": functional.silu(o)}
        parts["hi"] = self.interaction(o, x_BCS, kernels, kept)
        for name in self.locals:
            parts[name] = self.local(name, {"x": x_BCS, "m": m, "q": q}, kept)
        return parts

    def instance(self, x_BCS: Tensor) -> Tensor:
        """Standardize per sample and channel."""
        return standardize_instance(x_BCS, causal=self.config.causal)

    def gated_channels(self, x_BCS: Tensor, kernels: HyperKernels, kept: Trace) -> Tensor:
        """Return q: IS(HCI(x)) as published, where IS undoes the gate, or the gate last."""
        score = self.hci.score(x_BCS, kernels.hci)
        kept.update(hci_kappa=kernels.hci, hci_score=score)
        factor: Tensor = self.hci.gate(score)
        if self.config.hci_order == "before":
            return self.instance(factor * x_BCS)
        return factor * self.instance(x_BCS)

    def interaction(
        self, o_BCS: Tensor, x_BCS: Tensor, kernels: HyperKernels, kept: Trace
    ) -> Tensor:
        """Return HI(o, x): x gated by descriptors of o."""
        score_c, score_s = self.hi.scores(o_BCS, kernels.hi_channel, kernels.hi_spatial)
        out: Tensor = self.hi.gate(score_s * score_c) * x_BCS
        kept.update(hi_kappa_c=kernels.hi_channel, hi_kappa_s=kernels.hi_spatial)
        kept.update(hi_score_c=score_c, hi_score_s=score_s, HI=out)
        return out

    def local(self, name: str, operands: dict[str, Tensor], kept: Trace) -> Tensor:
        """Return one local branch."""
        branch = cast(LocalBranch, self.locals[name])
        wiring = branch.wiring
        grid_DS = self.grid(branch.slow_net.config.sizes)
        drawn = branch.kernels(grid_DS, operands[wiring.source])
        out: Tensor = branch(operands[wiring.operand], drawn)
        kept.update({f"{name}_kernel": drawn, name: out})
        return out
