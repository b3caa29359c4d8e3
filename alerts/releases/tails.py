"""Tails of Student's t and of the binomial distribution, for arrays, by the incomplete beta function.

The continued fraction is the one of DLMF 8.17.22, evaluated by Lentz's method.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

TINY = 1e-300
STEPS = 2_000
MOST_FREEDOM = 1_000  # degrees of freedom; beyond it t is the normal distribution to three digits of any p that counts

_log_gamma = np.frompyfunc(math.lgamma, 1, 1)


def log_gamma(values: Floats) -> Floats:
    return np.asarray(_log_gamma(values), np.float64)


def beta_share(a: Floats, b: Floats, x: Floats) -> Floats:
    """The regularised incomplete beta function I_x(a, b), for a and b above 0 and x from 0 to 1, elementwise."""
    a, b, x = np.broadcast_arrays(*(np.atleast_1d(np.asarray(one, np.float64)) for one in (a, b, x)))
    # The fraction converges fast on this side of the mean; on the other it is 1 − I_{1−x}(b, a).
    turned = x > (a + 1) / (a + b + 2)
    first, second = np.where(turned, b, a), np.where(turned, a, b)
    at = np.where(turned, 1 - x, x)
    with np.errstate(divide="ignore"):
        powers = first * np.log(at) + second * np.log1p(-at)
    front = np.exp(powers + log_gamma(first + second) - log_gamma(first) - log_gamma(second)) / first
    share = np.where(at > 0, front * _fraction(first, second, at), 0.0)
    return np.clip(np.where(turned, 1 - share, share), 0.0, 1.0)


def _fraction(a: Floats, b: Floats, x: Floats) -> Floats:
    c = np.ones_like(x)
    d = 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    found = d.copy()
    for m in range(1, STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = np.ones_like(x)
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            change *= c * d
        found *= change
        if np.all(np.abs(change - 1) < 1e-13):
            return found
    raise ArithmeticError(f"The incomplete beta function did not settle within {STEPS} steps.")


def _away_from_zero(values: Floats) -> Floats:
    return np.where(np.abs(values) < TINY, TINY, values)


def t_two_sided(t: Floats, freedom: Floats) -> Floats:
    """How likely a t that is at least as far from 0 would be, by chance; ``freedom`` may be no whole number."""
    return beta_share(freedom / 2, np.full_like(freedom, 0.5), freedom / (freedom + t * t))


@lru_cache(maxsize=8)
def _t_quantiles(alpha: float) -> Floats:
    """By whole degrees of freedom, 1 to MOST_FREEDOM; the first entry is for 0 and infinite."""
    freedom = np.arange(1.0, MOST_FREEDOM + 1)
    low, high = np.zeros_like(freedom), np.full_like(freedom, 1 / alpha)  # the quantile for 1 is 2 / (pi alpha) at most
    for _ in range(60):
        middle = (low + high) / 2
        short = t_two_sided(middle, freedom) > alpha
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.concatenate(([np.inf], high))


def t_quantile(freedom: Floats, alpha: float) -> Floats:
    """The t beyond which, on both sides together, a share of ``alpha`` lies; for whole degrees, rounded down."""
    whole = np.clip(np.nan_to_num(freedom, nan=0.0), 0, MOST_FREEDOM).astype(np.int64)
    return _t_quantiles(alpha)[whole]


def split_two_sided(after: Floats, before: Floats, share: Floats) -> Floats:
    """How likely a split of after + before events is that is at least as uneven, where each of them falls after the
    release with probability ``share``: twice the smaller tail (Przyborowski and Wilenski 1940).

    Counts need not be whole: they are divided by their overdispersion.
    """
    more = np.where(after > 0, beta_share(np.maximum(after, TINY), before + 1, share), 1.0)
    less = np.where(before > 0, beta_share(np.maximum(before, TINY), after + 1, 1 - share), 1.0)
    return np.minimum(1.0, 2 * np.minimum(more, less))
