"""Decoders of single raw values: times against datetime, the rest against values written by hand."""

import math
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint_stats.ingest.sources import targets, times, values
from endpoint_stats.ingest.sources.base import REASONS, Reject, Target

ANY_RAW = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=60),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.none(),
    st.sampled_from([10**5000, -(10**5000), "9" * 5000, b"1e99", "nan", "inf", "٣", "1_000", "0x10", "-0.0"]),
)
HUGE = pytest.param(10**5000, id="huge")
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seconds_of(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(seconds=1)


def reason_of(decode, raw) -> str:
    with pytest.raises(Reject) as caught:
        decode(raw)
    return caught.value.reason


def test_reject_takes_registered_reasons_only():
    assert Reject("time_invalid").reason == "time_invalid"
    with pytest.raises(ValueError):
        Reject("no such reason")
    assert all(sentence.endswith(".") for sentence in REASONS.values())


@given(MOMENTS, OFFSETS)
def test_clf_time_is_datetimes(moment, zone):
    moment = moment.replace(tzinfo=zone, microsecond=0)
    text = f"{moment.day:02}/{moment:%b}/{moment.year:04}:{moment:%H:%M:%S %z}"
    assert times.clf_time(text.encode()) == times.any_time(text) == seconds_of(moment)


@given(MOMENTS, OFFSETS, st.sampled_from(["seconds", "milliseconds", "microseconds"]))
def test_iso_time_is_datetimes(moment, zone, precision):
    moment = moment.replace(tzinfo=zone)
    text = moment.isoformat(timespec=precision)
    assert times.iso_time(text) == times.any_time(text.encode()) == seconds_of(moment)


@pytest.mark.parametrize(
    "raw",
    [
        b"31/Feb/2025:00:00:00 +0000", b"29/Feb/2023:00:00:00 +0000", b"01/Foo/2025:00:00:00 +0000",
        b"01/Jan/2025:24:00:00 +0000", b"01/Jan/2025:00:60:00 +0000", b"01/Jan/2025:00:00:00 +2400",
        b"01/Jan/1970:00:00:00 +0100", b"31/Dec/9999:23:59:59 -0100", b"00/Jan/2025:00:00:00 +0000",
        b"01/Jan/0000:00:00:00 +0000", b"01/Jan/2025:00:00:00", b"-", b"", b"\xff" * 26,
    ],
)  # fmt: skip
def test_clf_times_that_do_not_exist(raw):
    assert reason_of(times.clf_time, raw) == "time_invalid"


@pytest.mark.parametrize("raw", ["2025-11-13T02:13:20", "2025-02-30T00:00:00Z", "2025-11-13", "1969-12-31T23:59:59Z"])
def test_iso_times_that_do_not_exist(raw):
    assert reason_of(times.iso_time, raw) == "time_invalid"


@pytest.mark.parametrize(
    ("units", "raw", "expected"),
    [
        (1, b"1763000000.186", 1763000000),
        (1, 1763000000.9999, 1763000000),
        (1, 0, 0),
        (1000, b"1763000000999", 1763000000),
        (10**6, b"1763000000999999", 1763000000),
        (10**9, 1763000000999999999, 1763000000),
    ],
)
def test_epoch_times(units, raw, expected):
    assert times.epoch_time(units)(raw) == expected


@pytest.mark.parametrize("raw", [-1, -0.5, 253402300800, HUGE, math.inf, math.nan, "1e9", b"-", b"", "+1"])
def test_epoch_times_out_of_range(raw):
    assert reason_of(times.epoch_time(1), raw) == "time_invalid"


def test_leap_day_and_leap_second():
    assert times.clf_time(b"29/Feb/2024:12:00:00 +0000") == 1709208000
    assert times.iso_time("2016-12-31T23:59:60Z") == 1483228800


@pytest.mark.parametrize("raw", [b"100", "599", 200, 404.0])
def test_status(raw):
    assert values.status(raw) == int(raw)


@pytest.mark.parametrize("raw", [b"-", b"000", b"999", b"600", b"99", b"2000", b"", 0, 200.5, None, "20O", HUGE, "٢٠٠"])
def test_status_invalid(raw):
    assert reason_of(values.status, raw) == "status_invalid"


@given(st.integers(0, 2**53))
def test_size(number):
    assert values.size(str(number).encode()) == values.size(number) == number


@pytest.mark.parametrize("raw", [b"-", b"", None])
def test_size_missing_is_zero(raw):
    assert values.size(raw) == 0


@pytest.mark.parametrize("raw", [b"-1", b"1.5", b"12k", 2**53 + 1, str(2**53 + 1), -1, 0.5, HUGE, b"+1", "1_0"])
def test_size_invalid(raw):
    assert reason_of(values.size, raw) == "size_invalid"


@given(st.integers(0, 30 * 86_400 * 1000))
def test_duration_is_exact_in_every_unit(ms):
    whole, rest = divmod(ms, 1000)
    assert values.seconds(f"{whole}.{rest:03}".encode()) == ms * 10**6
    assert values.duration(10**6)(str(ms)) == ms * 10**6
    assert values.duration(1)(ms * 10**6) == ms * 10**6


@given(st.floats(0, 2_000_000))
def test_duration_of_a_float_is_its_shortest_decimal(number):
    exact = Fraction(repr(number)) * 10**9
    assert abs(values.seconds(number) - exact) <= Fraction(1, 2)


@pytest.mark.parametrize("decode", [values.seconds, values.seconds_list, values.seconds_or_go])
def test_durations_missing_and_invalid(decode):
    assert [decode(raw) for raw in (b"-", b"", "", None)] == [None] * 4
    assert decode(2_592_000) == 30 * 86_400 * 10**9
    for raw in (b"-0.1", b"nan", b"inf", b"2592000.001", -1, 1e300, b"1 s", b"0x1", 10**5000):
        assert reason_of(decode, raw) == "duration_invalid"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"0.1, 0.2", 300_000_000),
        (b"0.1 : 0.3", 400_000_000),
        (b"-, 0.250", 250_000_000),
        (b"0.001, 0.002 : 0.004", 7_000_000),
        (b"-, -", None),
    ],
)
def test_upstream_times_are_summed(raw, expected):
    assert values.seconds_list(raw) == expected


@pytest.mark.parametrize("raw", [b"0.1, x", b"0.1 0.2", b"2592000, 1"])
def test_upstream_times_invalid(raw):
    assert reason_of(values.seconds_list, raw) == "duration_invalid"


def test_alb_stages():
    assert values.seconds_sum((b"0.086", b"0.048", b"0.037")) == 171_000_000
    assert values.seconds_sum((b"0.086", b"-1", b"-1")) is None
    assert values.seconds_sum((b"0.086", b"-", b"0.1")) is None
    assert reason_of(values.seconds_sum, (b"0.086", b"-2", b"0.1")) == "duration_invalid"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("310µs", 310_000),
        ("1m2.5s", 62_500_000_000),
        ("1h0m0s", 3600 * 10**9),
        ("15ns", 15),
        (0.25, 250_000_000),
    ],
)
def test_go_durations(raw, expected):
    assert values.seconds_or_go(raw) == expected


def test_names():
    assert values.name(5)(b"-") == values.name(5)(None) == values.name(5)("") == ""
    assert values.name(5)(b"abcdefg") == "abcde"
    assert values.name(9)("a\x00b\x7f\x85c") == "a\ufffdb\ufffd\ufffdc"
    assert values.name(9)(b"\xff\xfe") == "\ufffd\ufffd"
    assert values.name(9)(7) == values.name(9)(7.0) == "7"
    assert values.name(9, escaped=True)(rb"\"\xc3\xa9\\\u00e9\q") == '"é\\é\\q'
    assert values.name(9, escaped=True)(rb"\ud800") == "\ufffd" * 3
    assert values.name(9)(rb"\x41") == r"\x41"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GET /a?b=c HTTP/1.1", Target("GET", "/a")),
        ("get /a#frag HTTP/1.1", Target("GET", "/a")),
        ("GET /", Target("GET", "/")),
        ("GET http://shop.example:8080/a/b?c HTTP/1.1", Target("GET", "/a/b")),
        ("GET https://shop.example HTTP/1.1", Target("GET", "/")),
        ("GET https://shop.example?x=1 HTTP/1.1", Target("GET", "/")),
        ("OPTIONS * HTTP/1.1", Target("OPTIONS", "*")),
        ("PURGE //a/../b/./c HTTP/1.1", Target("PURGE", "//a/../b/./c")),
        ("QUERY /search HTTP/1.1", Target("QUERY", "/search")),
        ("BREW /pot HTTP/1.1", Target("_OTHER", "/pot")),
        ("VERSION-CONTROL /x HTTP/1.1", Target("_OTHER", "/x")),
        ("GET /with space/x HTTP/1.1", Target("GET", "/with space/x")),
        ("GET /%7Ebob/%41%2f%C3%A9%zz%00 HTTP/1.1", Target("GET", "/~bob/A%2f%C3%A9%zz%00")),
        ("GET /caf\\xC3\\xA9\\x22 HTTP/1.1", Target("GET", '/café"')),
        ("GET /tab\\x09 HTTP/1.1", Target("GET", "/tab\ufffd")),
        ("GET /bad\\xFF HTTP/1.1", Target("GET", "/bad\ufffd")),
    ],
)
def test_request_lines(line, expected):
    assert targets.target(line.encode(), escaped=True) == expected


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"-", "request_malformed"),
        (b"", "request_malformed"),
        (b"GET", "request_malformed"),
        (b"GET HTTP/1.1", "request_malformed"),
        (b"GET a/b HTTP/1.1", "request_malformed"),
        (rb"\x16\x03\x01\x02 \x00", "request_malformed"),
        (b"CONNECT db.example:443 HTTP/1.1", "request_malformed"),
        (b"- http://shop.example:80- -", "request_malformed"),
        (b"G3T / HTTP/1.1", "method_invalid"),
        (b"A" * 33 + b" / HTTP/1.1", "method_invalid"),
        ("GÉT / HTTP/1.1".encode(), "method_invalid"),
        (("", "/"), "request_malformed"),
        (("GET", ""), "request_malformed"),
        (("GET", 7), "request_malformed"),
        (("GET", None, "", ""), "request_malformed"),
        (("--", "/"), "method_invalid"),
    ],
)
def test_request_lines_refused(raw, reason):
    assert reason_of(lambda value: targets.target(value, escaped=True), raw) == reason


def test_long_paths_are_cut():
    assert targets.normal_path("/" + "a" * 1_999) == "/" + "a" * 1_999
    assert targets.normal_path("/" + "a" * 2_000) == "/" + "a" * 1_998 + "…"


def test_target_of_four_parts():
    assert targets.target(("post", None, "/orders/{id}", "s" * 300)) == Target("POST", "", "/orders/{id}", "s" * 200)
    assert targets.target(("_OTHER", "/x", None, None)) == Target("_OTHER", "/x")


DECODERS = [
    times.clf_time, times.iso_time, times.any_time, times.number_or_iso_time, times.epoch_time(1000),
    values.status, values.size, values.seconds, values.seconds_list, values.seconds_or_go,
    values.name(20), values.name(20, escaped=True), targets.target, targets.text_target(True),
]  # fmt: skip


@pytest.mark.parametrize("decode", DECODERS)
@given(raw=ANY_RAW)
def test_decoders_answer_or_reject(decode, raw):
    try:
        decode(raw)
    except Reject as reject:
        assert reject.reason in REASONS


@given(st.tuples(ANY_RAW, ANY_RAW, ANY_RAW))
def test_decoders_of_tuples_answer_or_reject(raw):
    for decode in (values.seconds_sum, lambda parts: targets.target((*parts, None))):
        try:
            decode(raw)
        except Reject as reject:
            assert reject.reason in REASONS


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_whatever_a_target_holds_can_be_stored(raw):
    try:
        found = targets.target(raw, escaped=True)
    except Reject:
        return
    found.path.encode()
    assert len(found.path) <= 2_000
    assert not any(character < " " for character in found.path)
