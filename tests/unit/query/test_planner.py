"""Tiles: every minute of a range once, by the coarsest level that fits."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.query.intervals import bucket_start
from endpoint_stats.query.planner import Available, plan
from endpoint_stats.query.spec import Query, QueryError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SIZES = {"minute": 1, "hour": 60, "day": 1440}
WIDE = Available({"minute": 0, "hour": 0, "day": 0}, 0, 40_000_000)
DAY = 20_400 * 1440


def query(start, end, interval=0, **more):
    return Query(
        1, EPOCH + timedelta(minutes=start), EPOCH + timedelta(minutes=end), ("requests",), interval=interval, **more
    )


def tiles(start, end, interval=0, available=WIDE, **more):
    return [tuple(tile) for tile in plan(query(start, end, interval, **more), available).tiles]


@pytest.mark.parametrize(
    ("start", "end", "interval", "expected"),
    [
        (DAY, DAY + 1440, 0, [("day", DAY, DAY + 1440)]),
        (DAY, DAY + 60, 0, [("hour", DAY, DAY + 60)]),
        (DAY, DAY + 59, 0, [("minute", DAY, DAY + 59)]),
        (DAY + 30, DAY + 90, 0, [("minute", DAY + 30, DAY + 60), ("minute", DAY + 60, DAY + 90)]),
        (DAY + 30, DAY + 150, 0, [
            ("minute", DAY + 30, DAY + 60), ("hour", DAY + 60, DAY + 120), ("minute", DAY + 120, DAY + 150),
        ]),
        (DAY - 61, DAY + 1440 + 61, 0, [
            ("minute", DAY - 61, DAY - 60), ("hour", DAY - 60, DAY), ("day", DAY, DAY + 1440),
            ("hour", DAY + 1440, DAY + 1500), ("minute", DAY + 1500, DAY + 1501),
        ]),
        (DAY, DAY + 1440, 5, [("minute", DAY, DAY + 1440)]),
        (DAY, DAY + 1440, 60, [("hour", DAY, DAY + 1440)]),
        (DAY, DAY + 1440, 360, [("hour", DAY, DAY + 1440)]),
        (DAY, DAY + 2880, 1440, [("day", DAY, DAY + 2880)]),
        (DAY, DAY + 2880, 10_080, [("day", DAY, DAY + 2880)]),
    ],
)  # fmt: skip
def test_by_hand(start, end, interval, expected):
    found = tiles(start, end, interval)
    # Whether two neighbours of one level are one tile or two changes nothing.
    assert joined(found) == joined(expected)


def joined(listed):
    out = []
    for level, start, end in listed:
        if out and out[-1][0] == level and out[-1][2] == start:
            out[-1] = (level, out[-1][1], end)
        else:
            out.append((level, start, end))
    return out


ranges = st.tuples(st.integers(DAY - 3000, DAY + 3000), st.integers(1, 6000)).map(lambda pair: (pair[0], sum(pair)))


@given(ranges, st.sampled_from([0, 1, 5, 15, 60, 360, 1440, 10_080]))
@settings(max_examples=300)
def test_every_minute_once_by_the_coarsest_level_that_fits(span, interval):
    start, end = span
    at = start
    for level, first, last in tiles(start, end, interval):
        assert first == at < last
        size = SIZES[level]
        assert first % size == 0 == last % size
        assert not interval or interval % size == 0
        at = last
        # No coarser level would have fitted anywhere in the tile.
        for coarser in [other for other in SIZES.values() if other > size and not (interval and interval % other)]:
            whole = -(-first // coarser) * coarser
            assert whole + coarser > last or whole + coarser > end
    assert at == end


@pytest.mark.parametrize("interval", [1, 5, 15, 60, 360, 1440])
def test_buckets(interval):
    for minute in range(DAY, DAY + 3000, 7):
        assert bucket_start(minute, interval) == minute // interval * interval


def test_weeks_begin_on_monday():
    for days in range(20_000, 20_030):
        found = EPOCH + timedelta(minutes=bucket_start(days * 1440 + 721, 10_080))
        day = EPOCH + timedelta(days=days)
        assert found == day - timedelta(days=day.weekday())


FLOORED = Available({"minute": DAY, "hour": DAY - 10 * 1440, "day": 0}, DAY - 100 * 1440, DAY + 1440)


@pytest.mark.parametrize(
    ("start", "end", "interval", "answered"),
    [
        (DAY, DAY + 61, 5, True),
        (DAY - 1, DAY + 61, 0, False),
        (DAY - 60, DAY + 61, 0, True),
        (DAY - 60, DAY, 1, False),
        (DAY - 60, DAY, 60, True),
        (DAY - 10 * 1440, DAY, 60, True),
        (DAY - 11 * 1440, DAY, 60, False),
        (DAY - 11 * 1440, DAY, 0, True),
        (DAY - 11 * 1440 + 60, DAY, 0, False),
        (DAY - 50 * 1440, DAY, 1440, True),
        (DAY - 100 * 1440 - 7, DAY, 0, True),  # before the first day with hits there is nothing to miss
    ],
)
def test_what_is_not_kept_is_refused(start, end, interval, answered):
    if answered:
        assert tiles(start, end, interval, FLOORED)
    else:
        with pytest.raises(QueryError, match=r"kept") as refused:
            tiles(start, end, interval, FLOORED)
        assert refused.value.code == "not_kept"


def test_nothing_stored_and_nothing_near():
    assert tiles(DAY, DAY + 60, 0, Available({"minute": 0, "hour": 0, "day": 0}, None, None)) == []
    assert tiles(DAY + 10 * 1440, DAY + 11 * 1440, 0, FLOORED) == []


def test_consumers_are_kept_by_the_hour():
    """Of all their endpoints together where nothing asks for endpoints."""
    for group_by, family in (
        (("consumer",), "callers"),
        (("consumer", "status"), "callers"),
        (("consumer", "endpoint"), "consumers"),
        (("service", "consumer"), "consumers"),
    ):
        found = plan(query(DAY, DAY + 60, group_by=group_by), WIDE)
        assert (found.family, found.levels()) == (family, ["hour"])
    for start, interval, code in ((DAY + 1, 0, "not_kept"), (DAY, 15, "unanswerable")):
        with pytest.raises(QueryError) as refused:
            plan(query(start, DAY + 120, interval, group_by=("consumer",)), WIDE)
        assert refused.value.code == code
