"""Names of the branches of a block, and the local branch.

A block's configuration lists its branches in the order of their concatenation:

    o      Z·f                     f     IS(RGU_s(Z) + RGU_f(x))     silu  o ⊙ σ(o)
    Zm     Z·m, m mixed channels   Zq    Z·q, q gated channels       hi    HI(o, x)
    e1 e2  earlier block outputs, tiled to C channels
    local-K-SOURCE-OPERAND         K odd; SOURCE and OPERAND each one of x, m, q:
                                   a KxK kernel drawn from SOURCE, applied to OPERAND
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import shown
from twospeed.terminator.layers.channel_linear import ChannelLinear
from twospeed.terminator.layers.local_net import ContextConfig, LocalSlowNet
from twospeed.terminator.layers.local_operator import convolve_local
from twospeed.terminator.layers.slow_net import SlowNetConfig
from twospeed.terminator.layers.standardization import BatchStandardization

PLAIN_BRANCHES = {name: name for name in ("o", "f", "silu", "Zm", "Zq", "hi", "e1", "e2")}
OPERANDS = ("x", "m", "q")

LARGEST_KERNEL = 127
"""Taps along an axis of a local kernel."""


@dataclass(frozen=True, kw_only=True)
class LocalBranchName:
    """What ``local-K-SOURCE-OPERAND`` says."""

    kernel_size: int
    """K, odd."""

    source: str
    """Which tensor the kernel is drawn from."""

    operand: str
    """Which tensor the kernel is applied to."""


def read_branch(name: str) -> LocalBranchName | None:
    """Read one branch name; None means that it is not a local one.

    Raises:
        UnknownNameError: when it is neither local nor one of the plain names.
        ConfigError: when a local name has another form.
    """
    if not name.startswith("local"):
        lookup(PLAIN_BRANCHES, name, "branch")
        return None
    parts = name.split("-")
    if len(parts) != 4 or not parts[1].isdecimal() or not {parts[2], parts[3]} <= set(OPERANDS):
        raise ConfigError(
            f"a local branch is written like local-5-m-x (x, m or q), got {shown(name)}"
        )
    if len(parts[1]) > 3 or int(parts[1]) > LARGEST_KERNEL or int(parts[1]) % 2 == 0:
        raise ConfigError(
            f"a local kernel has an odd size of {LARGEST_KERNEL} or less, got {shown(name)}"
        )
    return LocalBranchName(kernel_size=int(parts[1]), source=parts[2], operand=parts[3])


def tile(earlier_BCS: Tensor, channels: int) -> Tensor:
    """Repeat all channels of an earlier output until there are `channels` (c -> c mod C_e).

    Raises:
        ConfigError: when `channels` is no multiple of the channels there are.
    """
    check_tiling(earlier_BCS.shape[1], channels)
    repeats = (1, channels // earlier_BCS.shape[1], *(1,) * (earlier_BCS.ndim - 2))
    return earlier_BCS.repeat(repeats)


def check_tiling(num_earlier: int, channels: int) -> None:
    """Refuse an earlier output that cannot be tiled to `channels`."""
    if channels % num_earlier:
        raise ConfigError(
            f"an earlier output of {num_earlier} channels cannot be tiled to {channels}: "
            "the second must be a multiple of the first"
        )


class LocalBranch(nn.Module):
    """φ(BS(W_l · depthwise(operand, K(source)) + b)) + t.

    Args:
        wiring: where kernel and operand come from.
        net: slow net of the kernel, `sizes` (k,) or (k, k), `outputs` C.
        context: how the kernel reads its source.
        statistics: of BS.
        idle_biases: whether b and t exist; later standardizations remove both.
        causal: whether a kernel over a sequence reaches into the past only.
        generator: source of the draws; None is the global one.
    """

    def __init__(
        self,
        wiring: LocalBranchName,
        net: SlowNetConfig,
        context: ContextConfig,
        *,
        statistics: str,
        idle_biases: bool,
        causal: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        channels = net.outputs
        self.wiring, self.causal = wiring, causal
        self.slow_net = LocalSlowNet(net, context, generator=generator)
        self.mixer = ChannelLinear(channels, channels, bias=idle_biases, generator=generator)
        self.standardize = BatchStandardization(channels, statistics=statistics)
        self.shift = nn.Parameter(torch.zeros(())) if idle_biases else None

    def kernels(self, grid_DS: Tensor, source_BCS: Tensor) -> Tensor:
        """Draw the kernels, (B or 1, C, *k); frames of a clip count as samples."""
        kernels: Tensor = self.slow_net(grid_DS, as_frames(source_BCS))
        return kernels

    def forward(self, operand_BCS: Tensor, kernels_BCS: Tensor) -> Tensor:
        """Apply kernels to the operand, (B, C, *S)."""
        frames = as_frames(operand_BCS)
        local = convolve_local(frames, kernels_BCS, causal=self.causal)
        mixed = self.mixer(from_frames(local, operand_BCS))
        out = functional.gelu(self.standardize(mixed))
        return out if self.shift is None else out + self.shift


def as_frames(x_BCS: Tensor) -> Tensor:
    """Turn a clip (B, C, T, H, W) into images (B·T, C, H, W); leave the rest as it is."""
    return x_BCS.transpose(1, 2).flatten(0, 1) if x_BCS.ndim == 5 else x_BCS


def from_frames(frames: Tensor, like: Tensor) -> Tensor:
    """Undo `as_frames` for a tensor whose clip had the shape of `like`."""
    if like.ndim != 5:
        return frames
    batch, _, num_frames, *sizes = like.shape
    return frames.reshape(batch, num_frames, -1, *sizes).transpose(1, 2)
