"""Buckets of an answer: the stretches of time that an interval cuts a range into."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from endpoint_stats.aggregate.buckets import minute_of
from endpoint_stats.aggregate.table import Ints

from .spec import LOCAL, Query

MONDAY = 3 * 1440  # 1970-01-01 was a Thursday: minutes to add so that weeks begin on Monday
STEPS = (1440, 360, 60, 30, 15)  # what may be read at once for buckets that all begin on its multiples


@dataclass(frozen=True, slots=True)
class Buckets:
    """Buckets that cover a range.

    starts: int64[n + 1], the first minute of each and the end of the last; the first may begin before the range.
    step: minutes; each bucket consists of whole steps, so that rows may be summed by step as they are read.
    """

    starts: Ints
    step: int

    def of(self, times: Ints) -> Ints:
        """The first minute of the bucket that holds each time."""
        return self.starts[np.searchsorted(self.starts, times, side="right") - 1]

    def seconds(self, first: Ints, start: int, end: int) -> Ints:
        """Seconds of each bucket (by its first minute) that lie within ``[start, end)``."""
        ends = self.starts[np.searchsorted(self.starts, first, side="right")]
        return (np.minimum(ends, end) - np.maximum(first, start)) * 60


def bucket_start(minute: int, interval: int) -> int:
    """The first minute of the UTC bucket that holds ``minute``; weeks begin on Monday."""
    shift = MONDAY if interval == 10_080 else 0
    return minute - (minute + shift) % interval


def buckets(query: Query) -> Buckets | None:
    """None where no interval was asked."""
    interval = query.interval
    if not interval:
        return None
    if interval >= LOCAL and query.zone != "UTC":
        return _local(query)
    first = bucket_start(minute_of(query.start), interval)
    count = -(-(minute_of(query.end) - first) // interval)
    return Buckets(first + interval * np.arange(count + 1), interval)


def _local(query: Query) -> Buckets:
    """Wall-clock buckets: a day of 23 or 25 hours is one bucket."""
    zone, interval = ZoneInfo(query.zone), timedelta(minutes=query.interval)
    local = query.start.astimezone(zone).replace(tzinfo=None)
    wall = local.replace(hour=0, minute=0)
    if query.interval == 10_080:
        wall -= timedelta(days=wall.weekday())
    elif query.interval < 1440:
        wall += (local - wall) // interval * interval
    starts = [_minute(wall, zone)]
    while starts[-1] < minute_of(query.end):
        wall += interval
        starts.append(_minute(wall, zone))
    edges = np.array(starts, np.int64)
    step = next((step for step in STEPS if not (edges % step).any()), 1)
    return Buckets(edges, step)


def _minute(wall: datetime, zone: ZoneInfo) -> int:
    """A wall-clock time as a minute; one that the clock skipped is the moment of the jump."""
    return minute_of(wall.replace(tzinfo=zone).astimezone(UTC))
