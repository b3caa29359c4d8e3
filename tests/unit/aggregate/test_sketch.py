"""The quantile sketch against the values themselves."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.aggregate.sketch import (
    EDGES_NS,
    ESTIMATES,
    MAX_DURATION_NS,
    UPPER_SECONDS,
    quantiles,
    rank,
    slots_of,
)
from tests.unit.aggregate.exact import EDGES, GAMMA, LAST_SLOT, nearest_rank, slot_of

QUANTILES = ("0.001", "0.25", "0.5", "0.75", "0.9", "0.95", "0.99", "0.999", "1")
THIRTY_DAYS = 30 * 86_400 * 10**9
durations = st.one_of(
    st.integers(0, THIRTY_DAYS),
    st.integers(0, 10_000),
    st.integers(1, 15).map(lambda power: 10**power),
    st.sampled_from([0, 1, 2, THIRTY_DAYS]),
)


def sketch(values):
    """(slots, counts) of values, by way of the product's slots."""
    slots, counts = np.unique(slots_of(np.array(values, np.int64)), return_counts=True)
    return slots, counts


def assert_within_one_percent(values, estimates):
    for quantile, estimate in zip(QUANTILES, estimates, strict=True):
        exact = nearest_rank(values, quantile)
        assert abs(Fraction(estimate) * 10**9 - exact) <= Fraction(exact) / 100 * (1 + Fraction(1, 10**9)), (
            f"p{quantile}: {estimate} s for {exact} ns of {len(values)} values"
        )


@given(st.lists(durations, min_size=1, max_size=300))
def test_every_quantile_is_within_one_percent(values):
    assert_within_one_percent(values, quantiles(*sketch(values), tuple(map(float, QUANTILES))))


def million(name):
    random = np.random.default_rng(20251113)
    made = {
        "lognormal": lambda: random.lognormal(17, 1.3, 10**6),
        "bimodal": lambda: np.concatenate((random.normal(4e6, 4e5, 950_000), random.normal(2e9, 1e8, 50_000))),
        "pareto": lambda: (random.pareto(1.1, 10**6) + 1) * 1e5,
        "uniform": lambda: random.uniform(0, 1e9, 10**6),
        "constant": lambda: np.full(10**6, 212_000_000.0),
        "few_ns": lambda: random.integers(0, 40, 10**6).astype(float),
    }[name]()
    return np.clip(made, 0, THIRTY_DAYS).astype(np.int64)


@pytest.mark.parametrize("name", ["lognormal", "bimodal", "pareto", "uniform", "constant", "few_ns"])
def test_a_million_values(name):
    values = million(name)
    estimates = quantiles(*sketch(values), tuple(map(float, QUANTILES)))
    ordered = np.sort(values)
    worst = 0.0
    for quantile, estimate in zip(QUANTILES, estimates, strict=True):
        exact = int(ordered[max(-(-Fraction(quantile) * 10**6 // 1), 1) - 1])
        worst = max(worst, abs(estimate * 1e9 - exact) / exact if exact else abs(estimate))
    assert worst <= 0.01 * (1 + 1e-9)


@given(st.lists(st.lists(durations, max_size=40), min_size=1, max_size=12), st.randoms())
def test_merging_in_any_order_and_grouping_is_the_sketch_of_all(parts, random):
    def merged(sketches):
        total = Counter()
        for slots, counts in sketches:
            total.update(dict(zip(slots.tolist(), counts.tolist(), strict=True)))
        ordered = sorted(total.items())
        return np.array([slot for slot, _ in ordered], np.int64), np.array([n for _, n in ordered], np.int64)

    values = [value for part in parts for value in part]
    sketches = [sketch(part) for part in parts]
    while len(sketches) > 1:
        random.shuffle(sketches)
        some = random.randint(2, len(sketches))
        sketches = [merged(sketches[:some]), *sketches[some:]]
    slots, counts = sketches[0]
    expected_slots, expected_counts = sketch(values)
    assert slots.tolist() == expected_slots.tolist()
    assert counts.tolist() == expected_counts.tolist()
    if values:
        assert_within_one_percent(values, quantiles(slots, counts, tuple(map(float, QUANTILES))))


def test_zero_one_nanosecond_and_the_longest():
    assert slots_of(np.array([0, 1, -1])).tolist() == [0, 1, 0]
    assert quantiles(*sketch([0]), (0.5, 1.0)) == [0.0, 0.0]
    assert quantiles(*sketch([1]), (0.5,))[0] == pytest.approx(1e-9, rel=0.01)
    assert MAX_DURATION_NS == THIRTY_DAYS
    assert quantiles(*sketch([THIRTY_DAYS]), (1.0,))[0] == pytest.approx(30 * 86_400, rel=0.01)


def test_longer_than_the_last_edge_shares_the_last_slot():
    assert slots_of(np.array([EDGES[-1], 2**62, 2**63 - 1])).tolist() == [LAST_SLOT] * 3


def test_an_empty_sketch_has_no_quantiles():
    none = np.zeros(0, np.int64)
    assert quantiles(none, none, (0.5, 0.99)) == [None, None]


def test_edges_are_exact_fractions_rounded_once():
    # Division of whole numbers is correctly rounded in Python, however long they are.
    assert EDGES_NS.tolist() == [101**power / 99**power for power in range(LAST_SLOT)]


def test_both_sides_of_every_edge():
    """The last whole nanosecond of each bucket and the first of the next, as long as a float tells them apart."""
    values = sorted({value for edge in EDGES if edge < 2**45 for value in (edge, edge + 1)})
    assert len(values) > 2700
    assert slots_of(np.array(values)).tolist() == [slot_of(value) for value in values]


def test_slots_of_durations_anywhere():
    random = np.random.default_rng(7)
    values = np.exp(random.uniform(0, np.log(float(THIRTY_DAYS)), 100_000)).astype(np.int64)
    assert slots_of(values).tolist() == [slot_of(value) for value in values.tolist()]


def test_each_estimate_is_within_one_percent_of_both_edges_of_its_bucket():
    below, above = Fraction(0), Fraction(1)
    for slot in range(1, 1900):
        estimate = Fraction(float(ESTIMATES[slot])) * 10**9
        slack = 1 + Fraction(1, 10**9)
        assert above - estimate <= above / 100 * slack
        if below:
            assert estimate - below <= below / 100 * slack
        assert float(UPPER_SECONDS[slot]) == pytest.approx(float(above) * 1e-9, rel=1e-12)
        below = above
        above = (above * GAMMA).limit_denominator(10**30) if slot % 50 else GAMMA**slot


@pytest.mark.parametrize(
    ("count", "quantile", "expected"),
    [
        (1, 0.5, 1), (2, 0.5, 1), (3, 0.5, 2), (4, 0.5, 2), (5, 0.5, 3), (10, 0.5, 5),
        (10, 0.95, 10), (20, 0.95, 19), (100, 0.95, 95), (100, 0.99, 99), (101, 0.99, 100),
        (999, 0.999, 999), (1000, 0.999, 999), (1001, 0.999, 1000), (2000, 0.999, 1998), (10**6, 0.999, 999_000),
        (1, 1.0, 1), (7, 1.0, 7), (10**9, 1.0, 10**9), (7, 0.0, 1), (30, 0.9, 27), (300, 0.07, 21),
    ],
)  # fmt: skip
def test_rank(count, quantile, expected):
    assert rank(count, quantile) == expected


@given(st.integers(1, 10**6), st.sampled_from(["0.5", "0.75", "0.9", "0.95", "0.99", "0.999", "1"]))
@settings(max_examples=400)
def test_rank_is_the_nearest_rank(count, quantile):
    assert rank(count, float(quantile)) == max(-(-Fraction(quantile) * count // 1), 1)


def test_the_slot_is_found_at_every_edge():
    """By exponent and first bits first, then by one edge: the same as a search through all edges."""
    edges = np.floor(EDGES_NS).astype(np.int64)
    powers = 2 ** np.arange(62)
    values = np.concatenate([part + by for part in (edges, powers) for by in (-2, -1, 0, 1, 2)] + [[0, -1, 2**63 - 1]])
    expected = np.minimum(np.searchsorted(EDGES_NS, values, side="left") + 1, LAST_SLOT)
    expected[values <= 0] = 0
    assert slots_of(values).tolist() == expected.tolist()
