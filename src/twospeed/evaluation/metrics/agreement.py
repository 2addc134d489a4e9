"""Do raters agree? Krippendorff's alpha for numbers (interval data): 1 agrees, 0 is chance."""

from collections.abc import Iterable, Sequence

import numpy as np


def krippendorff_alpha(units: Iterable[Sequence[float]]) -> float:
    """Return alpha over units of any number of ratings; NaN where nothing can be compared.

    Args:
        units: the ratings of every unit; one with a single rating is left out.
    """
    kept = [np.asarray(it, np.float64) for it in units if len(it) > 1]
    if not kept:
        return float("nan")
    values = np.concatenate(kept)
    observed = sum(_differences(it) / (len(it) - 1) for it in kept) / len(values)
    expected = _differences(values) / (len(values) * (len(values) - 1))
    return float(1 - observed / expected) if expected else float("nan")


def _differences(values: np.ndarray) -> float:
    """Return the sum of squared differences over all ordered pairs."""
    return float(2 * (len(values) * np.square(values).sum() - values.sum() ** 2))
