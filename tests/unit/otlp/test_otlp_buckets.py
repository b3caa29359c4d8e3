"""What buckets lose is what ``error_extra`` says: true quantiles of random durations against those of the sketch."""

import math
import random
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from endpoint_stats.aggregate.sketch import quantiles
from endpoint_stats.ingest.otlp.buckets import (
    Mapped,
    Range,
    bound,
    explicit_ranges,
    exponential_ranges,
    impossible,
    mapped,
    narrowed,
    represent,
    zero_range,
)

ALPHA = 0.01
ROUNDING = 1e-9
WANTED = (0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
SDK_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


def true_quantiles(durations: Sequence[float]) -> list[float]:
    """Nearest rank: the ceil(q n)-th smallest."""
    ordered = sorted(durations)
    return [ordered[max(0, math.ceil(Fraction(str(q)) * len(ordered)) - 1)] for q in WANTED]


def estimates(found: Mapped) -> list[float]:
    slots, counts = (np.array(column, np.int64) for column in zip(*found.slots, strict=True))
    told = quantiles(slots, counts, WANTED)
    assert None not in told
    return [one for one in told if one is not None]


def naive_counts(durations: Sequence[float], bounds: Sequence[float]) -> list[int]:
    """Above the bound before, up to the bucket's own."""
    edges = [-math.inf, *bounds, math.inf]
    return [sum(low < x <= high for x in durations) for low, high in pairwise(edges)]


def naive_index(duration: float, scale: int) -> int:
    """The bucket of an exponential histogram, by comparing with bounds in whole numbers: no logarithm is trusted.

    2^(i / 2^s) < x <= 2^((i + 1) / 2^s), which is 2^i < x^(2^s) <= 2^(i + 1) for s >= 0.
    """
    x = Fraction(duration)
    if scale >= 0:
        x, step = x ** (2**scale), 1
    else:
        step = 2**-scale
    guess = math.floor(math.log2(duration) * 2.0**scale)
    for index in (guess - 1, guess, guess + 1):
        if Fraction(2) ** (index * step) < x <= Fraction(2) ** ((index + 1) * step):
            return index
    raise AssertionError("no bucket")


def spread(low: float, high: float) -> Fraction:
    """(high - low) / (high + low)"""
    return (Fraction(high) - Fraction(low)) / (Fraction(high) + Fraction(low))


def stated(found: Mapped) -> float:
    return ALPHA + found.error_extra / 10_000


def durations_of(seed: int, count: int) -> list[float]:
    rng = random.Random(seed)
    kind = seed % 3
    if kind == 0:
        return [rng.lognormvariate(-3, 1.5) for _ in range(count)]
    if kind == 1:
        return [rng.uniform(0.0051, 9.9) for _ in range(count)]
    return [rng.choice((0.0075, 0.02, 0.9999, 4.0)) * rng.uniform(1, 1.01) for _ in range(count)]


@pytest.mark.parametrize("seed", range(24))
def test_explicit_buckets(seed: int) -> None:
    durations = durations_of(seed, 1 + 37 * seed)
    counts = naive_counts(durations, SDK_BOUNDS)
    found = mapped(explicit_ranges(SDK_BOUNDS, counts))
    assert sum(count for _, count in found.slots) == len(durations)
    filled = [at for at, count in enumerate(counts) if count]
    if 0 in filled or len(SDK_BOUNDS) in filled:
        assert found.error_extra == 10_000
    else:
        worst = max(spread(SDK_BOUNDS[at - 1], SDK_BOUNDS[at]) for at in filled)
        assert found.error_extra == math.ceil(worst * Fraction("1.01") * 10_000)
    for true, told in zip(true_quantiles(durations), estimates(found), strict=True):
        if true <= SDK_BOUNDS[0]:
            assert 0 < true <= 2 * told * (1 + ALPHA)
        elif true > SDK_BOUNDS[-1]:
            assert SDK_BOUNDS[-1] * (1 - ALPHA) <= told <= true * (1 + ALPHA)
        else:
            assert abs(told - true) <= stated(found) * true * (1 + ROUNDING)


@pytest.mark.parametrize("seed", range(24))
def test_buckets_narrowed_by_minimum_and_maximum(seed: int) -> None:
    """Then even the first and the last bucket have a bound."""
    durations = durations_of(seed, 1 + 37 * seed)
    ranges = explicit_ranges(SDK_BOUNDS, naive_counts(durations, SDK_BOUNDS))
    found = mapped(narrowed(ranges, min(durations), max(durations)))
    assert found.error_extra < 10_000
    for true, told in zip(true_quantiles(durations), estimates(found), strict=True):
        assert abs(told - true) <= stated(found) * true * (1 + ROUNDING)


@pytest.mark.parametrize("scale", [-3, -1, 0, 1, 3, 5])
@pytest.mark.parametrize("seed", range(6))
def test_exponential_buckets(seed: int, scale: int) -> None:
    durations = [round(x, 9) for x in durations_of(seed, 150)]
    counts: dict[int, int] = {}
    for duration in durations:
        index = naive_index(duration, scale)
        counts[index] = counts.get(index, 0) + 1
    found = mapped(exponential_ranges(counts, scale, 1.0))
    base = 2 ** (2**-scale)
    assert found.error_extra == min(10_000, math.ceil((base - 1) / (base + 1) * 1.01 * 10_000 - 1e-6))
    for true, told in zip(true_quantiles(durations), estimates(found), strict=True):
        assert abs(told - true) <= stated(found) * true * (1 + ROUNDING)


def test_the_bound_is_not_wider_than_need_be() -> None:
    """Durations at both ends of a bucket come near to what is stated."""
    found = mapped(explicit_ranges((1.0, 2.0), [0, 2, 0]))
    told = estimates(found)[0]
    assert found.error_extra == math.ceil(10_000 / 3 * 1.01)
    worst = max((told - 1.0) / 1.0, (2.0 - told) / 2.0)
    assert stated(found) - worst < 0.02


seconds = st.floats(1e-9, 2_591_999)


@given(st.lists(st.tuples(seconds, seconds, st.integers(1, 5), st.floats(0, 1)), min_size=1, max_size=6))
@settings(deadline=None)
@example([(1e-9, 2_591_999.0, 1, 0.0)])
@example([(1.0, 1.0, 1, 0.5)])
def test_any_ranges(told: list[tuple[float, float, int, float]]) -> None:
    """Any durations in any ranges, merged into one sketch."""
    ranges = [Range(min(a, b), max(a, b), count) for a, b, count, _ in told]
    durations = [
        one.low + (one.high - one.low) * where
        for one, (*_, where) in zip(ranges, told, strict=True)
        for _ in range(one.count)
    ]
    found = mapped(ranges)
    if found.error_extra < 10_000:
        for true, estimate in zip(true_quantiles(durations), estimates(found), strict=True):
            assert abs(estimate - true) <= stated(found) * true * (1 + 1e-6)
    assert found.slots == sorted(dict(found.slots).items())


@pytest.mark.parametrize(("one", "value", "error"), [
    (Range(1.0, 3.0, 1), 1.5, 0.5), (Range(0.0, 0.005, 1), 0.0025, 1.0), (Range(10.0, math.inf, 1), 10.0, 1.0),
    (Range(2.0, 2.0, 1), 2.0, 0.0), (Range(0.0, 0.0, 1), 0.0, 0.0), (Range(0.0, math.inf, 1), 0.0, 1.0),
    (Range(1e-200, 1e-200, 1), 1e-200, 0.0), (Range(0.0, 1e300, 1), 1_296_000.0, 1.0),
])  # fmt: skip
def test_what_stands_for_a_range(one: Range, value: float, error: float) -> None:
    assert represent(one) == (value, error)


def test_zero_is_zero() -> None:
    assert mapped(zero_range(0.0, 5)) == Mapped([(0, 5)], 0, 0)
    assert zero_range(0.0, 0) == []
    assert mapped([]) == Mapped([], 0, 0)


def test_the_sum_that_is_estimated() -> None:
    assert mapped([Range(1.0, 3.0, 4), Range(0.0, 0.004, 10)]).microseconds == 4 * 1_500_000 + 10 * 2_000


@pytest.mark.parametrize(("minimum", "maximum", "expected"), [
    (None, None, [(0, 1, 2), (1, 5, 3)]), (0.5, 4.0, [(0.5, 1, 2), (1, 4.0, 3)]), (1.5, 0.5, [(0, 1, 2), (1, 5, 3)]),
    (0.0, 5.0, [(0, 1, 2), (1, 5, 3)]), (1.0, 1.0, [(1, 1, 2), (1, 1, 3)]), (-1.0, 9.0, [(0, 1, 2), (1, 5, 3)]),
])  # fmt: skip
def test_narrowing(minimum: float | None, maximum: float | None, expected: list[tuple[float, float, int]]) -> None:
    ranges = [Range(0, 1, 2), Range(1, 5, 3)]
    assert narrowed(ranges, minimum, maximum) == expected
    assert ranges == [Range(0, 1, 2), Range(1, 5, 3)]


def test_narrowing_one_range_from_both_sides() -> None:
    assert narrowed([Range(1, 5, 1)], 2, 3) == [Range(2, 3, 1)]
    assert narrowed([Range(1, 5, 1)], 4, 3) == [Range(4, 5, 1)]
    assert narrowed([Range(10, math.inf, 1)], None, 12) == [Range(10, 12, 1)]
    assert narrowed([], 2, 3) == []


@pytest.mark.parametrize(("one", "wrong"), [
    (Range(0.0, 0.0, 1), False), (Range(0.0, -1.0, 1), True), (Range(2_592_000.0, math.inf, 1), True),
    (Range(2_591_999.0, math.inf, 1), False),
])  # fmt: skip
def test_what_no_duration_can_be(one: Range, wrong: bool) -> None:
    assert impossible([Range(1.0, 2.0, 1), one]) is wrong


@pytest.mark.parametrize(("index", "scale", "expected"), [
    (0, 0, 1.0), (3, 0, 8.0), (-3, 0, 0.125), (1, 1, 2**0.5), (2, 1, 2.0), (1, -1, 4.0), (1, -10, 2.0**1000),
    (-2, -10, 0.0), (2**20, 20, 2.0), (-(2**31), 20, 0.0),
])  # fmt: skip
def test_bounds_of_exponential_buckets(index: int, scale: int, expected: float) -> None:
    assert bound(index, scale, 1.0) == pytest.approx(expected, rel=1e-14)
    assert bound(index, scale, 1000.0) == pytest.approx(expected / 1000, rel=1e-14)
