"""Looking inside a network: its hyper-kernels, where its scores come from, means by layer.

The claim that features have zero mean is drawn as it really holds: right after a standardization,
not after GELU.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.core.folders import FolderKind
from twospeed.terminator.block import Trace
from twospeed.terminator.fit.plots import save_figure
from twospeed.terminator.network import Terminator

LAYERS = ("Z", "f", "m", "q", "o", "Zm", "Zq", "HI", "out")
"""Intermediates whose mean is shown, in the order of evaluation."""

DRAWINGS: FolderKind = FolderKind(
    name="pictures of a network",
    files=("kernels.png", "scores.png", "means.png"),
    sign=lambda folder: all((folder / name).exists() for name in DRAWINGS.files),
)
"""What ``twospeed terminator show`` writes."""


@dataclass(frozen=True, kw_only=True)
class LayerMean:
    """Mean and spread of one intermediate."""

    block: int
    """Counted from 1."""

    layer: str
    """A name of `LAYERS`."""

    mean: float
    """Over everything."""

    largest_channel_mean: float
    """Largest magnitude of a mean over the positions of one sample and channel."""

    std: float
    """Over everything."""


@torch.no_grad()
def trace_network(network: Terminator, x_BCS: Tensor) -> list[Trace]:
    """Return every intermediate of every block."""
    traces: list[Trace] = [{} for _ in network.blocks]
    network.eval().encode(x_BCS, traces=traces)
    return traces


def layer_means(traces: Sequence[Trace]) -> list[LayerMean]:
    """Return mean and spread by block and layer."""
    return [
        LayerMean(
            block=number,
            layer=layer,
            mean=float(trace[layer].mean()),
            largest_channel_mean=float(trace[layer].flatten(2).mean(2).abs().max()),
            std=float(trace[layer].std()),
        )
        for number, trace in enumerate(traces, start=1)
        for layer in LAYERS
    ]


@torch.no_grad()
def position_scores(network: Terminator, x_BCS: Tensor) -> Tensor:
    """Return the scores of every position before the mean, (B, classes, *S).

    The head is linear and the mean comes just before it, so the scores of an input are the mean of
    those of its positions, exactly.

    Raises:
        ConfigError: when the network has no head.
    """
    if network.num_classes == 0:
        raise ConfigError("a network without a head has no scores: call reset_classifier")
    features_BCS = network.eval().forward_features(x_BCS)
    scores: Tensor = network.head(features_BCS.movedim(1, -1))
    return scores.movedim(-1, 1)


def as_picture(map_S: Tensor) -> np.ndarray:
    """Bring a map over positions to two axes: a sequence is one row, a clip its frames abreast."""
    values = map_S.detach().float().cpu().numpy()
    if values.ndim == 1:
        return values[None]
    return values if values.ndim == 2 else np.concatenate(list(values), axis=1)


def draw_kernels(network: Terminator, path: Path, *, channels: int = 8) -> None:
    """Draw the first hyper-kernels of each block, a row per block, as PNG."""
    with torch.no_grad():
        sizes = network.config.sizes
        rows = [block.hyper_kernels(sizes).positions for block in network.blocks]  # type: ignore[operator]
    _draw_rows(rows, path, channels, [f"block {i}" for i in range(1, len(rows) + 1)])


def draw_scores(network: Terminator, x_BCS: Tensor, path: Path) -> None:
    """Draw an input and the scores of its positions for every class, a row per sample, as PNG."""
    scores = position_scores(network, x_BCS)
    rows = [
        torch.cat([x.mean(0, keepdim=True), sample])
        for x, sample in zip(x_BCS, scores, strict=True)
    ]
    _draw_rows(rows, path, 1 + network.num_classes, [f"input {i}" for i in range(len(rows))])


def _draw_rows(rows: Sequence[Tensor], path: Path, columns: int, names: Sequence[str]) -> None:
    figure = Figure(figsize=(1.2 * columns, 1.3 * len(rows)), layout="constrained")
    panels = figure.subplots(len(rows), columns, squeeze=False)
    for panel in panels.flat:
        panel.set(xticks=[], yticks=[])
    for row, maps, name in zip(panels, rows, names, strict=True):
        row[0].set_ylabel(name, fontsize=7)
        for panel, one in zip(row, maps, strict=False):
            panel.imshow(as_picture(one), cmap="gray", aspect="auto")
    save_figure(figure, path)


def draw_means(means: Sequence[LayerMean], path: Path) -> None:
    """Draw the mean of each layer by block, in units of its spread, as PNG."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    panel = figure.subplots()
    blocks = sorted({mean.block for mean in means})
    for block in blocks:
        chosen = [mean for mean in means if mean.block == block]
        heights = [mean.mean / max(mean.std, 1e-12) for mean in chosen]
        panel.plot([mean.layer for mean in chosen], heights, marker="o", label=f"block {block}")
    panel.axhline(0, color="black", linewidth=0.5)
    panel.set(ylabel="mean / spread", title="zero after a standardization (f, m), not after GELU")
    panel.legend(fontsize=7)
    save_figure(figure, path)
