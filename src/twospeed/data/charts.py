"""Plots of recorded data, as PNG bytes."""

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from twospeed.core.labels import label_of
from twospeed.data.statistics import Statistics
from twospeed.data.survey import Survey

COLOUR, SECOND = "#0a7d5a", "#b5651d"
MOST_BARS = 30


def charts_of(found: Survey, numbers: Statistics) -> dict[str, bytes]:
    """Return description -> PNG of all plots."""
    return {name: draw(found, numbers) for name, draw in PLOTS.items()}


def _domains(_: Survey, numbers: Statistics) -> bytes:
    names = list(numbers.domains)
    clips = [numbers.domains[name].num_clips for name in names]
    figure, axes = _figure(rows=len(names))
    axes.barh(range(len(names)), clips, color=COLOUR)
    axes.set_yticks(range(len(names)), [label_of(name) for name in names])
    _label(axes, clips)
    axes.set_xlabel("clips (past frames, action, new frames)")
    return _png(figure)


def _bars(counts: Mapping[str, int], unit: str) -> bytes:
    shown = dict(list(counts.items())[:MOST_BARS])
    figure, axes = _figure(rows=len(shown))
    places = range(len(shown))
    axes.barh(places, list(shown.values()), color=COLOUR)
    axes.set_yticks(places, [label_of(name) for name in shown])
    _label(axes, list(shown.values()))
    more = f" (the commonest {len(shown)} of {len(counts)})" if len(shown) < len(counts) else ""
    axes.set_xlabel(unit + more)
    return _png(figure)


def _histogram(counts: Mapping[int, int], what: str, unit: str) -> bytes:
    """Draw how often each whole number occurs; of many numbers, those of a bin together."""
    figure, axes = _figure(rows=8)
    low, high = min(counts), max(counts)
    width = -(-(high - low + 1) // MOST_BARS)
    edges = np.arange(low, high + width + 1, width) - 0.5
    axes.hist(
        list(counts), bins=edges.tolist(), weights=list(counts.values()), color=SECOND, rwidth=0.9
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(what)
    axes.set_ylabel(unit)
    return _png(figure)


def _label(axes: Any, values: Sequence[int]) -> None:
    axes.set_xlim(0, 1.15 * max([*values, 1]))
    axes.set_ylim(len(values) - 0.4, -0.6)
    for row, value in enumerate(values):
        axes.text(value, row, f" {value:,}", va="center", fontsize=8)


def _figure(*, rows: int) -> tuple[Figure, Any]:
    figure = Figure(figsize=(6.4, 0.8 + 0.24 * max(rows, 4)), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return figure, axes


def _png(figure: Figure) -> bytes:
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _chunks_an_episode(found: Survey, _: Statistics) -> bytes:
    lengths = Counter(len(sample.actions) for sample in found.samples)
    return _histogram(lengths, "chunks of an episode", "episodes")


def _words_an_action(_: Survey, numbers: Statistics) -> bytes:
    words: Counter[int] = Counter()
    for action, count in numbers.actions.items():
        words[len(action.split())] += count
    return _histogram(words, "words of an action", "chunks")


PLOTS: dict[str, Callable[[Survey, Statistics], bytes]] = {
    "clips by domain": _domains,
    "chunks an episode": _chunks_an_episode,
    "commonest actions": lambda _, numbers: _bars(numbers.actions, "chunks"),
    "commonest words": lambda _, numbers: _bars(numbers.words, "chunks"),
    "words an action": _words_an_action,
}
"""Description -> how it is drawn, in the order of the page."""
