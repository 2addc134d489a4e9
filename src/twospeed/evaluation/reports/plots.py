"""The two plots of a report, as PNG bytes."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

COLOURS = {
    "truth": "#444444",
    "on": "#0a7d5a",
    "off": "#b5651d",
    "swap": "#7a5ea8",
    "random": "#999999",
    "lookup": "#c8a415",
    "frozen": "#5b8db8",
    "copy": "#93b7d1",
}
NAMES = {
    "on": "memory",
    "off": "no memory",
    "swap": "another episode's memory",
    "random": "random adapters",
    "lookup": "look-up table, no network",
    "frozen": "frozen frame",
    "copy": "last chunk again",
    "truth": "truth through the autoencoder",
}
"""Arm -> what people read."""


def plot_way_back(psnr_EG: Mapping[str, Sequence[NDArray[np.float64]]]) -> bytes:
    """Draw PSNR over the frames of the way back, the mean over episodes of one length.

    Args:
        psnr_EG: arm -> one array (G,) an episode, in dB.
    """
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.add_subplot()
    for arm, values in psnr_EG.items():
        shortest = min(len(one) for one in values)
        mean = np.mean([one[:shortest] for one in values], axis=0)
        axes.plot(np.arange(1, shortest + 1), mean, color=COLOURS[arm], label=NAMES[arm])
    axes.set_xlabel("frame of the generated way back")
    axes.set_ylabel("PSNR against the truth, dB")
    axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def plot_arms(route: Mapping[str, Any]) -> bytes:
    """Draw every arm's PSNR and landmark recall with 95 % intervals.

    Args:
        route: numbers of one kind of route, see summary.py.
    """
    figure = Figure(figsize=(8.4, 3.0), layout="constrained")
    titles = {"psnr_db": "PSNR at revisits, dB"}
    if route["landmark_recall"]["on"]["mean"] is not None:
        titles["landmark_recall"] = "landmarks recalled"
    panels = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for axes, (metric, title) in zip(panels, titles.items(), strict=True):
        for row, (arm, interval) in enumerate(reversed(route[metric].items())):
            if interval["mean"] is not None:
                axes.plot([interval["low"], interval["high"]], [row, row], color=COLOURS[arm])
                axes.plot([interval["mean"]], [row], "o", color=COLOURS[arm])
        axes.set_title(title, fontsize=10)
        axes.set_yticks(range(len(route[metric])), [NAMES[arm] for arm in reversed(route[metric])])
    for axes in panels[1:]:
        axes.axvline(0.125, color="#cccccc", linestyle=":")  # chance
    return _png(figure)


def plot_costs(memories: Mapping[str, Any]) -> bytes:
    """Draw every memory's PSNR against its seconds a chunk and against the bytes that it keeps.

    Args:
        memories: name -> its figures, with "psnr_db", "seconds_per_chunk" and "bytes".
    """
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    titles = {"seconds_per_chunk": "seconds a chunk", "bytes": "bytes kept, and one"}
    for axes, (cost, title) in zip(panels, titles.items(), strict=True):
        for name, found in memories.items():
            at = found[cost] + (cost == "bytes")
            axes.plot([at, at], [found["psnr_db"]["low"], found["psnr_db"]["high"]], "-")
            axes.annotate(name, (at, found["psnr_db"]["mean"]), fontsize=7)
        axes.set_xscale("log")
        axes.set_xlabel(title)
    panels[0].set_ylabel("PSNR, dB")
    return _png(figure)


def plot_curves(curves: Mapping[str, Sequence[Mapping[str, float]]]) -> bytes:
    """Draw every memory's PSNR over the age of what is recalled.

    Args:
        curves: name -> records with "up_to" (frames) and "mean" (dB).
    """
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for name, points in curves.items():
        axes.plot([it["up_to"] for it in points], [it["mean"] for it in points], ".-", label=name)
    axes.set_xlabel("frames since the pose was seen, at most")
    axes.set_ylabel("PSNR, dB")
    axes.legend(frameon=False, fontsize=7, ncols=2)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
