"""The statistics of features that a LeRobot dataset carries, of one episode and of all."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.video import Frames

Stats = dict[str, dict[str, Any]]
"""Feature -> min, max, mean, std and count, as nested lists."""

MOST_FRAMES = 100
"""Frames of an episode that the statistics of a camera are taken from."""


def stats_of(column: NDArray[Any]) -> dict[str, Any]:
    """Return the statistics of a feature of an episode, (T,) or (T, F)."""
    rows = column.reshape(len(column), -1).astype(np.float64)
    return _stats(rows, shape=(rows.shape[1],))


def stats_of_frames(frames_THWC: Frames) -> dict[str, Any]:
    """Return the statistics of a camera a channel, pixels being 0 to 1; shapes are (3, 1, 1)."""
    chosen = np.linspace(0, len(frames_THWC) - 1, min(len(frames_THWC), MOST_FRAMES)).astype(int)
    pixels = frames_THWC[chosen].reshape(-1, 3) / 255.0
    return _stats(pixels, shape=(3, 1, 1)) | {"count": [len(chosen)]}


def _stats(rows: NDArray[np.float64], *, shape: tuple[int, ...]) -> dict[str, Any]:
    parts = {"min": rows.min(0), "max": rows.max(0), "mean": rows.mean(0), "std": rows.std(0)}
    stats: dict[str, Any] = {name: part.reshape(shape).tolist() for name, part in parts.items()}
    return stats | {"count": [len(rows)]}


def merged(one: Stats, other: Stats) -> Stats:
    """Return the statistics of what two statistics were taken from together."""
    if not one:
        return other
    return {name: _merged(one[name], other[name]) for name in one}


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    counts = np.array([one["count"][0], other["count"][0]], np.float64)
    share = counts / counts.sum()
    means = np.array([one["mean"], other["mean"]])
    squares = np.array([one["std"], other["std"]]) ** 2 + means**2
    mean = np.tensordot(share, means, 1)
    variance = np.maximum(np.tensordot(share, squares, 1) - mean**2, 0.0)
    return {
        "min": np.minimum(one["min"], other["min"]).tolist(),
        "max": np.maximum(one["max"], other["max"]).tolist(),
        "mean": mean.tolist(),
        "std": np.sqrt(variance).tolist(),
        "count": [int(counts.sum())],
    }


def flat(stats: Stats) -> dict[str, Any]:
    """Return the statistics of an episode as columns ``stats/<feature>/<name>``."""
    return {
        f"stats/{feature}/{name}": value
        for feature, parts in stats.items()
        for name, value in parts.items()
    }
