"""Quantile sketch with a guaranteed relative error: logarithmic buckets, as in DDSketch (Masson et al., 2019).

A duration of ``x`` nanoseconds belongs to bucket ``i = ceil(log_gamma x)``; every value of bucket ``i`` is
within ``ALPHA`` of its estimate ``2 gamma^i / (gamma + 1)``. A bucket's *slot* is ``i + 1``; slot 0 holds
durations of zero. Slots above ``LAST_SLOT`` are free for other use (words.py).
"""

from decimal import Decimal, localcontext

import numpy as np
import numpy.typing as npt

ALPHA = 0.01
LAST_SLOT = 2045
MAX_DURATION_NS = 30 * 86_400 * 10**9

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def _edges() -> Floats:
    """Upper edges of the buckets in nanoseconds, gamma^0 … gamma^2044, rounded once from 40 digits.

    A table rather than a logarithm: which bucket a value falls into must not depend on the machine's libm.
    """
    with localcontext() as context:
        context.prec = 40
        gamma = (1 + Decimal("0.01")) / (1 - Decimal("0.01"))
        edges, edge = [], Decimal(1)
        for _ in range(LAST_SLOT):
            edges.append(float(edge))
            edge *= gamma
        return np.array(edges)


# A float's exponent and the first bits of its mantissa: numbers that agree in these differ by less than gamma, so
# they lie in one bucket or in two neighbours.
_CELL_SHIFT = 52 - 7


def _cells(values: Floats) -> Ints:
    return values.view(np.int64) >> _CELL_SHIFT


GAMMA = (1 + ALPHA) / (1 - ALPHA)
EDGES_NS = _edges()
_FIRST_CELL = int(_cells(np.ones(1))[0])
_LAST_CELL = int(_cells(EDGES_NS[-1:])[0])
# By cell: how many edges lie below its smallest number.
_EDGES_BELOW = np.searchsorted(
    EDGES_NS, (np.arange(_FIRST_CELL, _LAST_CELL + 1) << _CELL_SHIFT).view(np.float64), side="left"
)
# Estimate by slot, in seconds.
ESTIMATES = np.concatenate(([0.0], EDGES_NS * (2 / (GAMMA + 1)) * 1e-9))
UPPER_SECONDS = np.concatenate(([0.0], EDGES_NS * 1e-9))


def _bands() -> Ints:
    """Slots whose upper edges are nearest to 1/4 ms, times the square root of two, up to 64 s."""
    wanted = 0.25e6 * 2.0 ** (np.arange(37) / 2)
    return np.abs(EDGES_NS[:, None] - wanted).argmin(axis=0).astype(np.int64) + 1


# Bands of durations, as histograms show them; each ends at a bucket's edge, so that its count is exact.
BAND_SLOTS = _bands()
BANDS: tuple[float, ...] = tuple(UPPER_SECONDS[BAND_SLOTS].tolist())  # upper edges, seconds; one more band is open


def slots_of(nanoseconds: Ints) -> Ints:
    """The slot of each duration (ns, >= 0). Longer ones than the last edge (18 years) share the last slot."""
    values = np.clip(nanoseconds, 1, EDGES_NS[-1], dtype=np.float64)
    below = _EDGES_BELOW[_cells(values) - _FIRST_CELL]
    below += EDGES_NS[below] < values
    below += 1
    below[nanoseconds <= 0] = 0
    return below


def rank(count: int, quantile: float) -> int:
    """Nearest rank (1-based) of a quantile among ``count`` values: ceil(q n), at least 1."""
    return int(ranks(np.array([count], np.int64), quantile)[0])


def ranks(counts: Ints, quantile: float) -> Ints:
    """The same for many counts (int64[n], each at least 1); a quantile has six decimals at most."""
    # In whole millionths: 0.999 × 1000 is 999.0000000000001 in binary and must be rank 999.
    millionths = round(quantile * 1_000_000)
    return np.clip(-(-counts * millionths // 1_000_000), 1, counts)


def quantiles(slots: Ints, counts: Ints, wanted: tuple[float, ...]) -> list[float | None]:
    """Nearest-rank quantiles in seconds of one sketch given as slots in ascending order and their counts.

    None for each when the sketch is empty. ``wanted`` 1.0 is the maximum.
    """
    cumulative = np.cumsum(counts)
    total = int(cumulative[-1]) if len(cumulative) else 0
    if total <= 0:
        return [None] * len(wanted)
    positions = np.searchsorted(cumulative, [rank(total, q) for q in wanted], side="left")
    return [float(ESTIMATES[slots[position]]) for position in positions]
