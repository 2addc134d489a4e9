"""How the cost of mixing over space grows: our operator beside attention, FFT and ConvNeXt."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from twospeed.core.files import written_aside
from twospeed.terminator.baselines import LongConvolution
from twospeed.terminator.benchmarks.timing import median_seconds, peak_bytes
from twospeed.terminator.layers.channel_linear import ChannelLinear
from twospeed.terminator.layers.hyperzzw import HyperZZW, HyperZZWConfig

IMAGE_SIDES = (16, 32, 64, 128)
SEQUENCE_LENGTHS = (256, 1024, 4096, 16384)

SHORTEST_SAMPLE = 0.02
"""Seconds of one sample of the clock; the smallest mixers take 0.0001 s."""


class SelfAttention(nn.Module):
    """One-head softmax attention over all positions, (B, C, *S) -> (B, C, *S)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = ChannelLinear(channels, 3 * channels)
        self.out = ChannelLinear(channels, channels)

    def forward(self, x_BCS: Tensor) -> Tensor:
        """Attend."""
        parts = self.inner(x_BCS).flatten(2).mT.contiguous().unsqueeze(1).chunk(3, -1)
        mixed = functional.scaled_dot_product_attention(*parts)[:, 0].mT
        out: Tensor = self.out(mixed.reshape(x_BCS.shape))
        return out


class ConvNextBlock(nn.Module):
    """Depthwise 7, normalization, two linears with four times the channels, residual."""

    def __init__(self, channels: int, num_axes: int) -> None:
        super().__init__()
        kind = nn.Conv1d if num_axes == 1 else nn.Conv2d
        self.depthwise = kind(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.GroupNorm(1, channels)
        self.widen = ChannelLinear(channels, 4 * channels)
        self.narrow = ChannelLinear(4 * channels, channels)

    def forward(self, x_BCS: Tensor) -> Tensor:
        """Apply the block."""
        inner = functional.gelu(self.widen(self.norm(self.depthwise(x_BCS))))
        out: Tensor = x_BCS + self.narrow(inner)
        return out


def _hyperzzw(operator: str, *, keep: bool) -> Callable[[int, Sequence[int]], nn.Module]:
    def build(channels: int, sizes: Sequence[int]) -> nn.Module:
        config = HyperZZWConfig(channels=channels, sizes=tuple(sizes), operator=operator)
        module = HyperZZW(config)
        return _KernelKept(module, sizes) if keep else module

    return build


class _KernelKept(nn.Module):
    def __init__(self, operator: HyperZZW, sizes: Sequence[int]) -> None:
        super().__init__()
        self.operator = operator
        self.kernel_CS = operator.kernel(sizes).detach()

    def forward(self, x_BCS: Tensor) -> Tensor:
        out: Tensor = self.operator(x_BCS, kernel_CS=self.kernel_CS)
        return out


MIXERS: dict[str, Callable[[int, Sequence[int]], nn.Module]] = {
    "HyperZZW matmul": _hyperzzw("matmul", keep=True),
    "HyperZZW matmul, kernel drawn": _hyperzzw("matmul", keep=False),
    "HyperZZW fft": _hyperzzw("fft", keep=True),
    "HyperZZW hadamard": _hyperzzw("hadamard", keep=True),
    "self-attention": lambda channels, _: SelfAttention(channels),
    "FFT long convolution": LongConvolution,
    "ConvNeXt block": lambda channels, sizes: ConvNextBlock(channels, len(sizes)),
}


@dataclass(frozen=True, kw_only=True)
class ScalingRow:
    """One measurement."""

    mixer: str
    """A name of `MIXERS`."""

    axes: int
    """1 for sequences, 2 for images."""

    positions: int
    """N."""

    seconds: float
    """Median of one evaluation without gradients."""

    peak_bytes: int | None
    """Peak resident memory above that before the call."""


def measure_scaling(
    *,
    channels: int = 32,
    repeats: int = 5,
    clock: str = "wall",
    sides: Sequence[int] = IMAGE_SIDES,
    lengths: Sequence[int] = SEQUENCE_LENGTHS,
) -> list[ScalingRow]:
    """Measure every mixer at equal width on images and sequences, batch 1, same inputs."""
    rows = []
    for sizes in [*((side, side) for side in sides), *((length,) for length in lengths)]:
        x_BCS = torch.randn(1, channels, *sizes, generator=torch.Generator().manual_seed(0))
        modules = {name: build(channels, sizes).eval() for name, build in MIXERS.items()}
        actions = {name: _action(module, x_BCS) for name, module in modules.items()}
        seconds = median_seconds(actions, repeats=repeats, clock=clock, shortest=SHORTEST_SAMPLE)
        rows += [
            ScalingRow(
                mixer=name,
                axes=len(sizes),
                positions=int(np.prod(sizes)),
                seconds=seconds[name],
                peak_bytes=peak_bytes(action),
            )
            for name, action in actions.items()
        ]
    return rows


def _action(module: nn.Module, x_BCS: Tensor) -> Callable[[], Tensor]:
    @torch.no_grad()
    def act() -> Tensor:
        out: Tensor = module(x_BCS)
        return out

    return act


def growth_exponents(rows: Sequence[ScalingRow]) -> dict[str, dict[str, float]]:
    """Return, per number of axes and mixer, the p of seconds ~ N^p, smallest N left out."""
    exponents: dict[str, dict[str, float]] = {}
    for axes in sorted({row.axes for row in rows}):
        for mixer in MIXERS:
            chosen = sorted(
                (row.positions, row.seconds)
                for row in rows
                if row.axes == axes and row.mixer == mixer
            )
            if len(chosen) < 2:
                continue
            positions, seconds = zip(*chosen[-max(2, len(chosen) - 1) :], strict=True)
            slope = np.polyfit(np.log(positions), np.log(seconds), 1)[0]
            exponents.setdefault(f"{axes}d", {})[mixer] = float(slope)
    return exponents


def plot_scaling(rows: Sequence[ScalingRow], path: Path) -> None:
    """Draw seconds and peak memory against positions, images left, sequences right, as PNG.

    The legend gives the growth exponent of the seconds.
    """
    figure = Figure(figsize=(12, 8), layout="constrained")
    panels = figure.subplots(2, 2, sharey="row")
    exponents = growth_exponents(rows)
    for axes, title, (above, below) in zip((2, 1), ("images", "sequences"), panels.T, strict=True):
        for mixer in MIXERS:
            chosen = sorted((row.positions, row.seconds, row.peak_bytes) for row in rows
                            if (row.mixer, row.axes) == (mixer, axes))  # fmt: skip
            if not chosen:
                continue
            positions, seconds, peaks = zip(*chosen, strict=True)
            power = exponents.get(f"{axes}d", {}).get(mixer, math.nan)
            above.loglog(positions, seconds, marker=".", label=f"{mixer}: N^{power:.2f}")
            if None not in peaks:
                below.loglog(positions, [max(peak, 1) for peak in peaks], marker=".")
        above.set(title=title)
        below.set(xlabel="positions")
        counts = sorted({row.positions for row in rows if row.axes == axes})
        for panel in (above, below):
            panel.set_xticks(counts, [f"{count:,}" for count in counts])
            panel.set_xticks([], minor=True)
        above.legend(fontsize=7)
    panels[0, 0].set(ylabel="seconds")
    panels[1, 0].set(ylabel="peak memory, bytes")
    with written_aside(path) as aside:
        figure.savefig(aside, format="png", dpi=120)
