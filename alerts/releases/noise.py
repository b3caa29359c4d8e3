"""How sure a mean is whose values are not independent: autocorrelation, and what it does to a variance.

Arrays are [endpoint, run, window]; a run is an unbroken stretch of time, whose neighbours in the last axis are
neighbours in time. ``known`` says which windows have a value; values elsewhere are 0.
"""

import numpy as np
import numpy.typing as npt

from .tails import Floats

Known = npt.NDArray[np.bool_]

STRONGEST = 0.98  # an autocorrelation beyond it leaves nothing to tell a change from


def autocorrelation(residuals: Floats, known: Known, means: int, least: Floats | float = 0.0) -> Floats:
    """Of neighbouring windows, by endpoint, at least 0.

    ``means``: how many means were taken out of the residuals. Each pulls the estimate down by (1 + 3r) / n (Marriott
    and Pope 1954, Kendall 1954), which is put back. ``least``: the smallest variance that a window is taken to have;
    what of it is not seen has no autocorrelation.
    """
    both = known[..., 1:] & known[..., :-1]
    left, right = residuals[..., :-1] * both, residuals[..., 1:] * both
    products = (left * right).sum(axis=(1, 2))
    squares = np.maximum((left * left + right * right).sum(axis=(1, 2)) / 2, both.sum(axis=(1, 2)) * least)
    raw = np.divide(products, squares, out=np.zeros_like(products), where=squares > 0)
    n = known.sum(axis=(1, 2)).astype(np.float64)
    corrected = (raw + means / np.maximum(n, 1)) / np.maximum(1 - 3 * means / np.maximum(n, 1), 0.05)
    return np.clip(corrected, 0.0, STRONGEST)


def raised(r: Floats, known: Known, by: float) -> Floats:
    """The autocorrelation, overstated by so many of its standard errors: too small a one makes false alarms."""
    n = np.maximum(known.sum(axis=(1, 2)), 1)
    return np.minimum(r + by * np.sqrt((1 - r * r) / n), STRONGEST)


def weighted_variance(weights: Floats, r: Floats) -> Floats:
    """Of a weighted sum of windows with variance 1 and autocorrelation r^distance within a run, none between runs."""
    carried = np.zeros(weights.shape[:2])
    total = np.zeros(len(weights))
    for place in range(weights.shape[2]):
        here = weights[:, :, place]
        # Twice the sum over earlier windows, and the window itself.
        total += (here * (2 * r[:, None] * carried + here)).sum(axis=1)
        carried = r[:, None] * carried + here
    return total


def taken_up(known: Known, r: Floats) -> Floats:
    """How many windows' worth of variation the plain mean of the known ones takes up: 1 where they are independent. It
    is their number times the variance of the mean, each of variance 1; 0 where there is none."""
    n = known.sum(axis=(1, 2))
    return weighted_variance(known.astype(np.float64), r) / np.maximum(n, 1)


def effective(n: Floats, r: Floats) -> Floats:
    """As many independent values would be as good for a long series."""
    return n * (1 - r) / (1 + r)
