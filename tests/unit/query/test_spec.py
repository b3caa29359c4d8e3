"""From strings to a question: times, intervals, and what is refused."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint_stats.query.spec import Query, QueryError, as_dict, build, parse_interval, parse_time

NOW = datetime(2025, 11, 20, 14, 2, 33, 5, tzinfo=UTC)
PROJECT = SimpleNamespace(pk=7)


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "down", "up"),
    [
        ("now", at(2025, 11, 20, 14, 2), at(2025, 11, 20, 14, 3)),
        ("-24h", at(2025, 11, 19, 14, 2), at(2025, 11, 19, 14, 3)),
        ("-90s", at(2025, 11, 20, 14, 1), at(2025, 11, 20, 14, 2)),
        ("-2w", at(2025, 11, 6, 14, 2), at(2025, 11, 6, 14, 3)),
        ("-7d", at(2025, 11, 13, 14, 2), at(2025, 11, 13, 14, 3)),
        ("2025-11-20", at(2025, 11, 20), at(2025, 11, 20)),
        ("2025-11-20T14:00:00Z", at(2025, 11, 20, 14), at(2025, 11, 20, 14)),
        ("2025-11-20T14:00:00.5Z", at(2025, 11, 20, 14), at(2025, 11, 20, 14, 1)),
        ("2025-11-20T14:00:00+01:00", at(2025, 11, 20, 13), at(2025, 11, 20, 13)),
        ("2025-11-20T14:00", at(2025, 11, 20, 14), at(2025, 11, 20, 14)),
        (" 2025-11-20 14:00 ", at(2025, 11, 20, 14), at(2025, 11, 20, 14)),
        ("1763647200", at(2025, 11, 20, 14), at(2025, 11, 20, 14)),
        ("1763647201.5", at(2025, 11, 20, 14), at(2025, 11, 20, 14, 1)),
        ("0", at(1970, 1, 1), at(1970, 1, 1)),
    ],
)
def test_times(text, down, up):
    assert parse_time(text, NOW) == down
    assert parse_time(text, NOW, up=True) == up


@pytest.mark.parametrize(
    "text", ["", "soon", "-1", "-h", "-1y", "24h", "2025-02-30", "2025-11-20T25:00:00Z", "12345678901234", "²",
             "-9999999d", "-999999w", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1e9", "nan",
             "\x00", "99999999999"],
)  # fmt: skip
def test_what_is_no_time(text):
    with pytest.raises(QueryError) as refused:
        parse_time(text, NOW)
    assert refused.value.code == "bad_time"


@pytest.mark.parametrize("text", ["9999-12-31T23:59:30Z", "253402300799"])
def test_the_end_of_time_cannot_be_rounded_up(text):
    with pytest.raises(QueryError) as refused:
        parse_time(text, NOW, up=True)
    assert refused.value.code == "bad_time"


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_is_refused(text):
    try:
        found = parse_time(text, NOW)
    except QueryError as refused:
        assert refused.code == "bad_time"
    else:
        assert (found.utcoffset(), found.second, found.microsecond) == (timedelta(0), 0, 0)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("", 0), ("minute", 1), ("1m", 1), ("60s", 1), ("5m", 5), ("15m", 15), ("hour", 60), ("1h", 60), ("6h", 360),
     ("day", 1440), ("24h", 1440), ("1d", 1440), ("week", 10_080), ("7d", 10_080)],
)  # fmt: skip
def test_intervals(text, minutes):
    assert parse_interval(text) == minutes


def test_a_question_of_strings():
    query = build(
        PROJECT, NOW, start="-1h", end="now", metrics=" requests, p95 ,", group_by="route,status", interval="5m",
        filters=[("status", "5xx"), ("method", "GET"), ("status", "404")], order="-p95", limit="5",
    )  # fmt: skip
    assert query == Query(
        7, at(2025, 11, 20, 13, 2), at(2025, 11, 20, 14, 3), ("requests", "p95"), ("route", "status"), 5,
        (("method", ("GET",)), ("status", ("5xx", "404"))), "", "-p95", 5,
    )  # fmt: skip
    assert as_dict(query, "shop") == {
        "project": "shop", "from": "2025-11-20T13:02:00Z", "to": "2025-11-20T14:03:00Z", "metrics": ["requests", "p95"],
        "group_by": ["route", "status"], "interval": "5m", "filters": {"method": ["GET"], "status": ["5xx", "404"]},
        "compare": None, "order": "-p95", "limit": 5, "zone": "UTC",
    }  # fmt: skip


def test_a_question_is_frozen_and_can_be_a_key():
    query = Query(1, at(2025, 1, 1), at(2025, 1, 2))
    with pytest.raises(FrozenInstanceError):
        query.limit = 3
    assert {query: 1}[Query(1, at(2025, 1, 1), at(2025, 1, 2))] == 1


@pytest.mark.parametrize("interval", [0, 5, 60, 1440])
@given(st.integers(1, 5000))
def test_the_range_before_lies_whole_intervals_back(interval, minutes):
    query = Query(1, at(2025, 1, 1, 3, 7), at(2025, 1, 1, 3, 7) + timedelta(minutes=minutes), interval=interval)
    before = query.previous()
    shift = (query.start - before.start) // timedelta(minutes=1)
    assert before.end - before.start == query.end - query.start
    assert before.end <= query.start
    assert not interval or shift % interval == 0
    assert shift - minutes < (interval or 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"start": datetime(2025, 1, 1)}, "bad_time"),
        ({"start": at(2025, 1, 1, 0, 0, 1)}, "bad_time"),
        ({"end": at(2025, 1, 1)}, "bad_range"),
        ({"metrics": ("p42",)}, "unknown_metric"),
        ({"group_by": ("path",)}, "unknown_group"),
        ({"group_by": ("route", "route")}, "unknown_group"),
        ({"filters": (("path", ("/",)),)}, "unknown_group"),
        ({"order": "p99"}, "unknown_order"),
        ({"limit": -1}, "bad_limit"),
        ({"limit": 100_001}, "bad_limit"),
        ({"compare": "last year"}, "unknown_compare"),
        ({"end": at(2026, 1, 1), "interval": 1}, "too_many_buckets"),
    ],
)
def test_refused_with_a_code_and_a_sentence(changes, code):
    good = {"project_id": 1, "start": at(2025, 1, 1), "end": at(2025, 1, 2), "metrics": ("requests",)}
    with pytest.raises(QueryError, match=r"\.$|\)\.$") as refused:
        Query(**(good | changes))
    assert refused.value.code == code
