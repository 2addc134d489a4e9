"""Fit the rational function of terminator/cpp/lanes.h: (Phi(x) - 1/2)/x = P(x²)/Q(x²) on [0, 5.3].

Least squares, made linear by the denominator before, with more weight where the error is large.
Prints the coefficients from the lowest power on, and the largest error of Phi.
"""

import numpy as np
from numpy.polynomial.polynomial import polyval
from scipy.special import ndtr

REACH, DEGREE = 5.3, 5


def fit(rounds: int = 60) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the largest error of Phi and the coefficients of P and Q in (x/REACH)²."""
    x = REACH * np.sin(np.linspace(0, np.pi / 2, 4000)[1:])
    s = (x / REACH) ** 2
    wanted = (ndtr(x) - 0.5) / x
    weight, below = np.ones_like(x), np.ones_like(x)
    best = (np.inf, np.empty(0), np.empty(0))
    for _ in range(rounds):
        of_above = [s**k for k in range(DEGREE + 1)]
        of_below = [-wanted * s**k for k in range(1, DEGREE + 1)]
        scale = weight * x / np.abs(below)
        columns = np.stack(of_above + of_below, 1) * scale[:, None]
        found = np.linalg.lstsq(columns, wanted * scale, rcond=None)[0]
        above, under = found[: DEGREE + 1], np.concatenate([[1.0], found[DEGREE + 1 :]])
        below = polyval(s, under)
        error = np.abs(x * (polyval(s, above) / below - wanted))
        best = min(best, (error.max(), above, under), key=lambda entry: entry[0])
        weight *= np.sqrt(error / error.mean() + 0.05)
        weight /= weight.mean()
    return best


if __name__ == "__main__":
    worst, numerator, denominator = fit()
    powers = REACH ** (2 * np.arange(DEGREE + 1))
    print("P", *(f"{value:.9g}" for value in numerator / powers))
    print("Q", *(f"{value:.9g}" for value in denominator / powers))
    print(f"largest error of Phi {worst:.1e}")
