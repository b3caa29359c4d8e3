"""Adjusted counts by the specification's formula, and weights that are whole, repeatable and right on average."""

import random
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from endpoint_stats.ingest.otlp.sampling import MAX_WEIGHT, adjusted_count, threshold, weight


@pytest.mark.parametrize(("state", "expected"), [
    ("ot=th:0", 0), ("ot=th:8", 0x80000000000000), ("ot=th:c", 0xC0000000000000), ("ot=th:C", 0xC0000000000000),
    ("ot=th:fd70a4", 0xFD70A400000000), ("ot=th:fd70a3d70a3d71", 0xFD70A3D70A3D71),
    ("ot=rv:6e6d1a75832a2f;th:8", 0x80000000000000), ("ot=th:8;rv:6e6d1a75832a2f", 0x80000000000000),
    ("congo=t61rcWkgMzE, ot=th:8 ,rojo=00f067aa0ba902b7", 0x80000000000000), ("a=b,\tot=th:8", 0x80000000000000),
])  # fmt: skip
def test_thresholds(state: str, expected: int) -> None:
    assert threshold(state) == expected


@pytest.mark.parametrize("state", [
    "", "ot", "ot=", "ot=th", "ot=th:", "ot=th:g", "ot=th:0x8", "ot=th:-8", "ot=th: 8", "ot=th:123456789abcdef",
    "ot=th:8 ;rv:1", "ot=TH:8", "OT=th:8", "other=th:8", "th:8", "ot@tenant=th:8", "ot=p:8;r:62", "ot=xth:8",
    "ot=th:٨", "a=ot=th:8", ",,,", "ot=th:zz,ot=th:8",
])  # fmt: skip
def test_what_is_malformed_weighs_one(state: str) -> None:
    assert adjusted_count(state)[:2] == (1, 0)
    assert weight(adjusted_count(state), b"\1" * 16) == 1


@pytest.mark.parametrize(("state", "whole"), [
    ("ot=th:0", 1), ("ot=th:8", 2), ("ot=th:c", 4), ("ot=th:e", 8), ("ot=th:fffff", 1_000_000),
    ("ot=th:ffff", 65_536), ("ot=th:ffffffffffffff", MAX_WEIGHT), ("ot=th:8000", 2),
])  # fmt: skip
def test_whole_counts(state: str, whole: int) -> None:
    assert {weight(adjusted_count(state), number.to_bytes(16)) for number in range(50)} == {whole}


@given(st.integers(0, 2**56 - 1), st.binary(min_size=16, max_size=16))
@example(2**56 - 2**36, b"\0" * 16)
def test_a_weight_is_one_of_the_two_whole_numbers_around_the_count(th: int, trace_id: bytes) -> None:
    state = f"ot=th:{th:014x}"
    count = Fraction(2**56, 2**56 - th)
    floor = count.numerator // count.denominator
    found = weight(adjusted_count(state), trace_id)
    assert found == weight(adjusted_count(state), trace_id)
    if floor >= 1_000_000:
        assert found == 1_000_000
    elif count == floor:
        assert found == floor
    else:
        assert found in (floor, floor + 1)


@pytest.mark.parametrize("share", [0.9, 0.7, 0.3, 0.15])
def test_what_a_sampler_keeps_adds_up_to_what_there_was(share: float) -> None:
    """A consistent sampler over random traces: the weights of those that it keeps estimate the number of all."""
    rng = random.Random(7)
    traces = 60_000
    th = round((1 - share) * 2**56)
    ids = (rng.randbytes(16) for _ in range(traces))
    kept = [one for one in ids if int.from_bytes(one[9:]) >= th]
    count = adjusted_count(f"ot=th:{th:014x}")
    total = sum(weight(count, one) for one in kept)
    # Both draws are binomial: six of their standard deviations together.
    fraction = 1 / share % 1
    deviation = (traces * share * (1 - share)) ** 0.5 / share + (traces * share * fraction * (1 - fraction)) ** 0.5
    assert abs(total - traces) < 6 * deviation


def test_the_draw_does_not_use_the_bits_that_the_sampler_chose_by() -> None:
    """Of traces whose low bits are all high, as those of a small share, as many are rounded up as of any."""
    rng = random.Random(8)
    count = adjusted_count("ot=th:5")  # 16/11: one more for 5/11 of the traces
    ups = sum(weight(count, rng.randbytes(9) + b"\xff" * 7) == 2 for _ in range(11_000))
    assert abs(ups - 5_000) < 6 * (11_000 * 5 / 11 * 6 / 11) ** 0.5
