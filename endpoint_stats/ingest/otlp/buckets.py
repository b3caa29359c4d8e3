"""Buckets of OpenTelemetry's histograms as ranges of seconds, and what the sketch makes of a range.

A range ``[low, high]`` goes whole to one value ``e = 2 low high / (low + high)``. Of the values ``x`` in it, ``e`` is
relatively farthest from the two ends, and equally far: ``(e - low) / low = (high - e) / high = (high - low) /
(high + low) =: r``; no other value does better. The sketch then gives for ``e`` an estimate ``s`` with
``|s - e| <= ALPHA e``, so

    |s - x| <= |s - e| + |e - x| <= ALPHA (1 + r) x + r x = (ALPHA + r (1 + ALPHA)) x.

``error_extra`` is ``r (1 + ALPHA)``, the largest of all ranges that have counts. It holds for quantiles, too: where
each value is moved by at most a share of itself, so is the k-th smallest one. Two kinds of ranges have no such bound,
and an error of 100 % says so:

- ``low`` is 0: ``e = high / 2``, and all that is known is that ``x`` lies between 0 and ``2 e``;
- ``high`` is unknown: ``e = low``, and ``x`` is at least that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from endpoint_stats.aggregate.sketch import ALPHA, EDGES_NS, LAST_SLOT, MAX_DURATION_NS

MAX_SECONDS = MAX_DURATION_NS / 1e9
UNKNOWN_ERROR = 10_000


class Range(NamedTuple):
    """``count`` (at least 1) durations from ``low`` to ``high`` seconds. ``high`` is infinite where nobody knows it."""

    low: float
    high: float
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody calls


def explicit_ranges(bounds: Iterable[float], counts: Iterable[int]) -> list[Range]:
    """``counts[i]`` durations lie above ``bounds[i - 1]`` and up to ``bounds[i]`` (seconds, ascending)."""
    edges = [-math.inf, *bounds, math.inf]
    return [
        Range(max(low, 0.0), high, count)
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
        if count
    ]


def bound(index: int, scale: int, per_second: float) -> float:
    """Lower bound in seconds of bucket ``index`` of an exponential histogram: ``2^(index / 2^scale)`` of its unit."""
    # Past 2^1000 nothing is a duration, and floats end at 2^1024.
    return 2.0 ** min(math.ldexp(index, -scale), 1000.0) / per_second


def exponential_ranges(counts: dict[int, int], scale: int, per_second: float) -> list[Range]:
    """``counts``: bucket's index -> count."""
    return [
        Range(bound(index, scale, per_second), bound(index + 1, scale, per_second), count)
        for index, count in sorted(counts.items())
        if count
    ]


def zero_range(threshold: float, count: int) -> list[Range]:
    """What lies between 0 and the threshold (seconds), of which an exponential histogram tells no more."""
    return [Range(0.0, threshold, count)] if count else []


def impossible(ranges: Iterable[Range]) -> bool:
    """Whether any lies wholly below 0 or above 30 days."""
    return any(one.high < 0 or one.low >= MAX_SECONDS for one in ranges)


def narrowed(ranges: list[Range], minimum: float | None, maximum: float | None) -> list[Range]:
    """The same, its first and last not wider than the smallest and largest duration (seconds) allow.

    A minimum or maximum that lies outside of its range is passed over: rounding or a mistake, and no news.
    """
    result = list(ranges)
    if result and minimum is not None and result[0].low <= minimum <= result[0].high:
        result[0] = result[0]._replace(low=minimum)
    if result and maximum is not None and result[-1].low <= maximum <= result[-1].high:
        result[-1] = result[-1]._replace(high=maximum)
    return result


def represent(one: Range) -> tuple[float, float]:
    """The value (seconds) that stands for all of a range, and the largest relative error of that."""
    low, high = one.low, one.high
    if math.isinf(high):
        return low, 1.0
    high = max(low, min(high, MAX_SECONDS))
    if low == high:
        return low, 0.0
    if low <= 0:
        return high / 2, 1.0
    # In this order nothing overflows, and nothing is lost below.
    return low * (2 * high / (low + high)), (high - low) / (high + low)


class Mapped(NamedTuple):
    """slots: (slot of aggregate/sketch.py, count), ascending; microseconds: estimated sum of the durations;
    error_extra: see above, in 1/10,000."""

    slots: list[tuple[int, int]]
    microseconds: int
    error_extra: int


def mapped(ranges: Iterable[Range]) -> Mapped:
    """None of the ranges may be ``impossible``."""
    slots: dict[int, int] = {}
    microseconds, error = 0, 0.0
    for one in ranges:
        seconds, one_error = represent(one)
        slot = _slot(seconds * 1e9)
        slots[slot] = slots.get(slot, 0) + one.count
        microseconds += round(seconds * 1e6 * one.count)
        error = max(error, one_error)
    return Mapped(sorted(slots.items()), microseconds, min(UNKNOWN_ERROR, math.ceil(error * (1 + ALPHA) * 10_000)))


def _slot(nanoseconds: float) -> int:
    """As sketch.slots_of has it, of a number that need not be whole."""
    if nanoseconds <= 0:
        return 0
    return min(int(np.searchsorted(EDGES_NS, nanoseconds, side="left")) + 1, LAST_SLOT)
