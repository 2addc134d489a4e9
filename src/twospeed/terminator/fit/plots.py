"""PNGs of a fit: learning curves by epoch and by second, confusion matrix."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from twospeed.core.files import written_aside
from twospeed.core.labels import label_of
from twospeed.terminator.fit.result import FitResult


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    with written_aside(path) as aside:
        figure.savefig(aside, format="png", dpi=120)


def plot_curves(results: Mapping[str, FitResult], path: Path) -> None:
    """Draw validation accuracy by epoch and by second of training, a line per fit."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    by_epoch, by_second = figure.subplots(1, 2, sharey=True)
    for name, result in results.items():
        epochs = range(1, len(result.validation) + 1)
        by_epoch.plot(epochs, result.validation, marker=".", label=name)
        by_second.plot(result.seconds, result.validation, marker=".", label=name)
    by_epoch.set(xlabel="epochs", ylabel="validation accuracy")
    by_second.set(xlabel="seconds of training")
    by_epoch.legend(fontsize=7)
    save_figure(figure, path)


def plot_confusion(result: FitResult, classes: Sequence[str], path: Path) -> None:
    """Draw the confusion matrix of the test part, rows normalised, counts written in."""
    counts = np.array(result.confusion)
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    side = max(4.0, 0.45 * len(classes))
    figure = Figure(figsize=(side, side), layout="constrained")
    panel = figure.subplots()
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    panel.set(xlabel="said", ylabel="true", title=f"{result.accuracy:.2%} of {counts.sum()}")
    if len(classes) <= 20:
        names = [label_of(name) for name in classes]
        panel.set_xticks(range(len(classes)), names, rotation=90)
        panel.set_yticks(range(len(classes)), names)
        for row, column in zip(*np.nonzero(counts), strict=True):
            color = "white" if shares[row, column] > 0.5 else "black"
            panel.text(column, row, str(counts[row, column]), ha="center", va="center",
                       fontsize=7, color=color)  # fmt: skip
    save_figure(figure, path)
