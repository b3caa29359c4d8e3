"""Buckets of wall-clock time, against zoneinfo and plain arithmetic."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from endpoint_stats.query.intervals import buckets
from endpoint_stats.query.spec import Query, QueryError

DAY, WEEK = 1440, 10_080


def cut(start, end, interval, zone):
    made = buckets(Query(1, start, end, ("requests",), interval=interval, zone=zone))
    assert made is not None
    return made, [datetime.fromtimestamp(minute * 60, ZoneInfo(zone)) for minute in made.starts.tolist()]


@pytest.mark.parametrize(
    ("zone", "first", "lengths", "step"),
    [
        ("Europe/Berlin", datetime(2025, 3, 28, 23, tzinfo=UTC), [24, 23, 24], 60),
        ("Europe/Berlin", datetime(2025, 10, 24, 22, tzinfo=UTC), [24, 25, 24], 60),
        ("Asia/Kolkata", datetime(2025, 3, 28, 18, 30, tzinfo=UTC), [24, 24, 24], 30),
        ("Australia/Lord_Howe", datetime(2025, 4, 4, 13, tzinfo=UTC), [24, 24.5, 24], 30),
        ("Asia/Kathmandu", datetime(2025, 3, 28, 18, 15, tzinfo=UTC), [24, 24, 24], 15),
        ("Africa/Abidjan", datetime(2025, 3, 28, tzinfo=UTC), [24, 24, 24], 1440),
        ("UTC", datetime(2025, 3, 28, tzinfo=UTC), [24, 24, 24], 1440),
    ],
)  # fmt: skip
def test_days_of_a_zone(zone, first, lengths, step):
    made, local = cut(first + timedelta(hours=5), first + timedelta(hours=sum(lengths) - 1), DAY, zone)
    assert [moment.hour for moment in local] == [0] * 4
    assert local[0] == first.astimezone(ZoneInfo(zone))
    assert np.diff(made.starts).tolist() == [hours * 60 for hours in lengths]
    assert made.step == step


def test_a_midnight_that_the_clock_skips():
    """In Beirut's night of 30 March 2025 the clock goes from 23:59 to 1:00."""
    _, local = cut(datetime(2025, 3, 29, 12, tzinfo=UTC), datetime(2025, 3, 30, 12, tzinfo=UTC), DAY, "Asia/Beirut")
    assert [(moment.day, moment.hour) for moment in local] == [(29, 0), (30, 1), (31, 0)]


def test_weeks_begin_on_the_zones_monday():
    _, local = cut(datetime(2025, 11, 20, tzinfo=UTC), datetime(2025, 12, 2, tzinfo=UTC), WEEK, "America/New_York")
    assert {(moment.weekday(), moment.hour) for moment in local} == {(0, 0)}


def test_quarters_of_a_day():
    _, local = cut(datetime(2025, 3, 29, 20, tzinfo=UTC), datetime(2025, 3, 30, 12, tzinfo=UTC), 360, "Europe/Berlin")
    assert [moment.hour for moment in local] == [18, 0, 6, 12, 18]


def test_hours_stay_those_of_utc():
    made, _ = cut(datetime(2025, 3, 29, 20, tzinfo=UTC), datetime(2025, 3, 29, 23, tzinfo=UTC), 60, "Asia/Kolkata")
    assert (made.starts % 60).tolist() == [0] * 4


def test_each_time_lies_in_its_bucket_and_seconds_within_the_range():
    start, end = datetime(2025, 3, 29, 12, tzinfo=UTC), datetime(2025, 3, 31, 3, tzinfo=UTC)
    made, _ = cut(start, end, DAY, "Europe/Berlin")
    first, last = int(start.timestamp()) // 60, int(end.timestamp()) // 60
    times = np.arange(first, last)
    found = made.of(times)
    assert (found <= times).all()
    assert set(found.tolist()) <= set(made.starts[:-1].tolist())
    counted = [int((found == bucket).sum()) * 60 for bucket in made.starts[:-1].tolist()]
    assert made.seconds(made.starts[:-1], first, last).tolist() == counted
    assert sum(counted) == (last - first) * 60


def test_no_interval_no_buckets():
    assert buckets(Query(1, datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC))) is None


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "europe/berlin\x00"])
def test_a_zone_that_there_is_not(zone):
    with pytest.raises(QueryError) as refused:
        Query(1, datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC), zone=zone)
    assert refused.value.code == "unknown_zone"


class TestCompare:
    def asked(self, compare, interval=0, **more):
        start = datetime(2025, 3, 30, 22, tzinfo=UTC)  # midnight in Berlin, the day after clocks went forward
        return Query(1, start, start + timedelta(days=1), ("requests",), interval=interval, compare=compare, **more)

    def test_the_day_before_has_23_hours(self):
        before = self.asked("previous", zone="Europe/Berlin").previous()
        assert (before.start, before.end) == (
            datetime(2025, 3, 29, 23, tzinfo=UTC),
            datetime(2025, 3, 30, 22, tzinfo=UTC),
        )

    @pytest.mark.parametrize(("compare", "days"), [("previous", 1), ("day", 1), ("week", 7)])
    def test_the_same_time_before(self, compare, days):
        asked = self.asked(compare)
        assert asked.previous().start == asked.start - timedelta(days=days)
        assert asked.previous().compare == ""

    def test_what_does_not_fit(self):
        for compare, interval in (("day", WEEK), ("year", 0)):
            with pytest.raises(QueryError) as refused:
                self.asked(compare, interval)
            assert refused.value.code == "unknown_compare"

    def test_equal_questions_have_one_digest(self):
        assert self.asked("day").digest() == self.asked("day").digest() != self.asked("week").digest()
