"""Fit the two rational functions of terminator/cpp/lanes.h, x·P(x²)/Q(x²) with P and Q of degree 5.

One gives Phi(x) - 1/2 for GELU, one GELU's slope minus 1/2. Least squares, made linear by the
denominator before, with more weight where the error is large. Prints coefficients from the lowest
power on.
"""

from collections.abc import Callable

import numpy as np
from numpy.polynomial.polynomial import polyval
from scipy.special import ndtr

DEGREE, ROUNDS = 5, 80


def slope(x: np.ndarray) -> np.ndarray:
    """Return the slope of x·Phi(x)."""
    return ndtr(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def fit(
    function: Callable[[np.ndarray], np.ndarray], reach: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the largest error on [0, reach] and the coefficients of P and Q in powers of x²."""
    x = reach * np.sin(np.linspace(0, np.pi / 2, 6000)[1:])
    s = (x / reach) ** 2
    wanted = (function(x) - 0.5) / x
    weight, below = np.ones_like(x), np.ones_like(x)
    best = (np.inf, np.empty(0), np.empty(0))
    for _ in range(ROUNDS):
        of_above = [s**k for k in range(DEGREE + 1)]
        of_below = [-wanted * s**k for k in range(1, DEGREE + 1)]
        scale = weight * x / np.abs(below)
        columns = np.stack(of_above + of_below, 1) * scale[:, None]
        found = np.linalg.lstsq(columns, wanted * scale, rcond=None)[0]
        above, under = found[: DEGREE + 1], np.concatenate([[1.0], found[DEGREE + 1 :]])
        below = polyval(s, under)
        error = np.abs(x * (polyval(s, above) / below - wanted))
        if below.min() > 0:
            best = min(best, (error.max(), above, under), key=lambda entry: entry[0])
        weight *= np.sqrt(error / error.mean() + 0.05)
        weight /= weight.mean()
    powers = reach ** (2 * np.arange(DEGREE + 1))
    return best[0], best[1] / powers, best[2] / powers


if __name__ == "__main__":
    for name, function, reach in (("Phi", ndtr, 5.3), ("slope", slope, 5.6)):
        worst, numerator, denominator = fit(function, reach)
        print(f"{name}: largest error {worst:.1e}")
        print(" P", *(f"{value:.9g}" for value in numerator))
        print(" Q", *(f"{value:.9g}" for value in denominator))
