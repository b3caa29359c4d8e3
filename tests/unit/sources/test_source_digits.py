"""Whole columns are decoded as single values are, wherever a column's decoder claims to know a value."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.ingest.sources import digits, times, values
from endpoint_stats.ingest.sources.base import Reject
from endpoint_stats.ingest.sources.lines import Lines, Spans

DECODERS = {
    "status": (digits.status, values.status),
    "size": (digits.size, values.size),
    "seconds": (digits.duration(10**9), values.duration(10**9)),
    "milliseconds": (digits.duration(10**6), values.duration(10**6)),
    "microseconds": (digits.duration(10**3), values.duration(10**3)),
    "nanoseconds": (digits.duration(1), values.duration(1)),
    "list of seconds": (digits.duration(10**9), values.seconds_list),
    "epoch": (digits.epoch_time(1), times.epoch_time(1)),
    "epoch in microseconds": (digits.epoch_time(10**6), times.epoch_time(10**6)),
    "clf": (digits.clf_time, times.clf_time),
    "iso": (digits.iso_time, times.iso_time),
}
PLAIN = {
    "status": [b"100", b"200", b"404", b"599"],
    "size": [b"0", b"7", b"00012", b"12345678", b"123456789", b"9007199254740992"],
    "seconds": [b"0", b"0.000", b"0.020", b"12.345", b"0.000123", b"2592000.000", b"2592000"],
    "milliseconds": [b"0", b"12", b"0.500", b"1.000001"],
    "microseconds": [b"0", b"1234567", b"12345678901", b"1.500"],
    "nanoseconds": [b"0", b"20000000", b"5.000"],
    "list of seconds": [b"0.020", b"7"],
    "epoch": [b"0", b"1763000000", b"1763000000.186", b"253402300799.999"],
    "epoch in microseconds": [b"1763000000999999"],
    "clf": [b"13/Nov/2025:02:13:20 +0000", b"29/feb/2024:23:59:60 -1130", b"01/Jan/1970:00:00:00 +0000"],
    "iso": [b"2025-11-13T02:13:20+01:00", b"2025-11-13 02:13:20-00:30", b"2025-11-13T02:13:20.1234Z"],
}
# Values at the edges of what is plain, for any of the decoders.
EDGES = [
    b"", b"-", b"-0", b"-1", b"+1", b"0", b"00", b"099", b"600", b"2 0", b"20O", b"1e3", b"1.", b".5", b".500", b"1.5",
    b"1.2345", b"1.23456789", b"0.1234567", b"1.2.345", b"1.234.567", b"12.345678.123", b"9007199254740993", b"1" * 17,
    b"100000000000000000000", b"18446744073709551616", b"99999999", b"99999999.999", b"2592000.001", b"2592000.000001",
    b"0.000001", b"0,020", b"\xd9\xa3", b"0:20", b"/00", b"200\x00", b"253402300800", b"253402300799", b"0.1, 0.2",
    b"13/Nov/2025:24:00:00 +0000", b"13/Nov/2025:00:60:00 +0000", b"13/Nov/2025:00:00:61 +0000",
    b"31/Feb/2025:00:00:00 +0000", b"29/Feb/2023:00:00:00 +0000", b"00/Jan/2025:00:00:00 +0000",
    b"01/Jan/1970:00:00:00 +0100", b"01/Jan/1970:02:00:00 +0100", b"31/Dec/9999:23:59:59 -0100",
    b"31/Dec/9999:23:59:59 +0000", b"31/Dec/9999:23:59:60 +0000", b"01/Jan/0000:00:00:00 +0000",
    b"13/Nov/2025:02:13:20 +2400", b"13/Nov/2025:02:13:20 0000 ", b"13/Nov/2025:02-13:20 +0000",
    b"13/Nov/2025 02:13:20 +0000", b"13/Nov/2025:02:13:2: +0000", b"13/Nov/2025:0/:13:20 +0000",
    b"2025-11-13T02:13:20.123Z", b"2025-11-13T02:13:20+0100 ", b"2025-11-13T02:13:20,12+01",
    b"2025-02-30T02:13:20+01:00",
    b"2025-11-13T02:13:20+24:00", b"1970-01-01T00:30:00+01:00", b"2025-11-13T02:13:20",
]  # fmt: skip
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def column(raws: list[bytes]) -> Spans:
    """The values side by side, so that each one's neighbours might be taken for a part of it."""
    ends = np.cumsum([len(raw) for raw in raws], dtype=np.int64)
    lines = Lines(b"".join(raws) + b"\n")
    first = lines.newlines[0] + 1
    return Spans(lines, first + ends - np.diff(ends, prepend=0), first + ends)


def check(name: str, raws: list[bytes]) -> list[bool]:
    decode_column, decode = DECODERS[name]
    spans = column(raws)
    assert list(spans) == raws == [spans[row] for row in range(len(raws))]
    found, known = decode_column(spans)
    for raw, value, certain in zip(raws, found.tolist(), known.tolist(), strict=True):
        if certain:
            assert value == decode(raw), raw
    return known.tolist()


@pytest.mark.parametrize("name", DECODERS)
def test_plain_values_are_known(name):
    assert all(check(name, PLAIN[name]))
    for raw in PLAIN[name]:
        assert all(check(name, [raw]))


@pytest.mark.parametrize("name", DECODERS)
def test_edges(name):
    others = [raw for plain in PLAIN.values() for raw in plain]
    together = check(name, EDGES + others)
    assert together == [check(name, [raw])[0] for raw in EDGES + others]


@pytest.mark.parametrize("name", DECODERS)
@given(st.lists(st.one_of(
    st.sampled_from(EDGES + [raw for plain in PLAIN.values() for raw in plain]),
    st.binary(max_size=30),
    st.from_regex(rb"\A[0-9.]{1,20}\Z"),
    st.integers(0, 2**60).map(lambda number: b"%d" % number),
    st.integers(0, 10**12).map(lambda number: b"%d.%03d" % divmod(number, 1000)),
    st.integers(0, 10**15).map(lambda number: b"%d.%06d" % divmod(number, 10**6)),
), max_size=12))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_any_values(name, raws):
    check(name, raws)


@given(st.lists(st.tuples(MOMENTS, OFFSETS), min_size=1, max_size=8))
@settings(deadline=None)
def test_all_times_that_exist_are_known(moments):
    whole = [moment.replace(tzinfo=zone, microsecond=0) for moment, zone in moments]
    expected = [(moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) for moment in whole]
    local = [f"{m.day:02}/{m:%b}/{m.year:04}:{m:%H:%M:%S %z}".encode() for m in whole]
    iso = [moment.isoformat().encode() for moment in whole]
    for name, raws in (("clf", local), ("iso", iso)):
        found, known = DECODERS[name][0](column(raws))
        # Near 1970 midnight may lie before it, where a decoder of single values is asked.
        assert all(certain or seconds < 2 * 86_400 for certain, seconds in zip(known, expected, strict=True))
        assert found[known].tolist() == [each for each, certain in zip(expected, known, strict=True) if certain]


def test_what_is_not_known_may_still_be_a_value():
    """Left to the decoder of single values, which takes it."""
    assert check("seconds", [b"1.5", b"-0", b"1e3"]) == [False] * 3
    assert [values.seconds(raw) for raw in (b"1.5", b"-0", b"1e3")] == [1_500_000_000, 0, 1_000_000_000_000]
    with pytest.raises(Reject):
        values.seconds(b"1.2.345")
