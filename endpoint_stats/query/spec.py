"""``Query``: a question, validated once and frozen. Strings from addresses and command lines end here."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime

from accounts.models import Project, time_zones
from endpoint_stats.aggregate.buckets import ceiling, minute_of
from endpoint_stats.metrics import DEFAULT_METRICS, METRICS

GROUPS = ("endpoint", "service", "method", "route", "release", "status", "traffic", "consumer")
FILTERS = GROUPS
FILTER = "filter."  # before a filter's name in an address
Filters = tuple[tuple[str, tuple[str, ...]], ...]
INTERVALS = {"minute": 1, "5m": 5, "15m": 15, "hour": 60, "6h": 360, "day": 1440, "week": 10_080}
LOCAL = 360  # minutes: from this interval on, buckets are counted from the zone's midnight
TRAFFIC = ("normal", "bot", "health")
MAX_ROWS = 100_000
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2500, 1, 1, tzinfo=UTC)
MAX_BUCKETS = 50_000
MAX_STRIDES = 288  # intervals a window
# What to compare with: minutes back; 0 is the range's own length.
COMPARE = {"previous": 0, "day": 1440, "week": 10_080}

_SHORT = {
    "1m": "minute",
    "60s": "minute",
    "1h": "hour",
    "60m": "hour",
    "1d": "day",
    "24h": "day",
    "1w": "week",
    "7d": "week",
}
_RELATIVE = re.compile(r"-(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class QueryError(ValueError):
    """A question that is not understood, or cannot be answered. ``code`` is stable; the text says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of one project in ``[start, end)`` (UTC, whole minutes).

    filters: for each name the values of which any may match; between names all must.
    interval: minutes a bucket, 0 for one row a group over the whole range.
    compare: "", or a name of COMPARE.
    order: a metric or group, or ``time``; with a leading ``-`` descending.
    zone: IANA name; intervals of six hours and more are counted from its midnight.
    window: minutes that each bucket looks back from its end, whole intervals; 0 is the interval itself. What a rule
        sees at each of its steps; there are no totals then.
    """

    project_id: int
    start: datetime
    end: datetime
    metrics: tuple[str, ...] = DEFAULT_METRICS
    group_by: tuple[str, ...] = ()
    interval: int = 0
    filters: Filters = ()
    compare: str = ""
    order: str = ""
    limit: int = 0
    zone: str = "UTC"
    window: int = 0

    def __post_init__(self) -> None:
        _check_range(self)
        for name in self.metrics:
            if name not in METRICS:
                raise QueryError("unknown_metric", f"There is no metric {name!r}. There are: {', '.join(METRICS)}.")
        for name in (*self.group_by, *(name for name, _ in self.filters)):
            if name not in GROUPS:
                raise QueryError(
                    "unknown_group", f"There is no group or filter {name!r}. There are: {', '.join(GROUPS)}."
                )
        if len(set(self.group_by)) != len(self.group_by):
            raise QueryError("unknown_group", "A group is named twice in group_by.")
        if len(set(self.metrics)) != len(self.metrics):
            raise QueryError("unknown_metric", "A metric is named twice.")
        sortable = [name for name in self.metrics if not METRICS[name].listed]
        if self.order and self.order.removeprefix("-") not in (*sortable, *self.group_by, "time"):
            raise QueryError("unknown_order", f"Order by one of the metrics or groups asked for, not {self.order!r}.")
        if not 0 <= self.limit <= MAX_ROWS:
            raise QueryError("bad_limit", f"limit takes a number from 1 to {MAX_ROWS}.")
        if self.zone != "UTC" and self.zone not in time_zones():
            raise QueryError("unknown_zone", f"There is no time zone {self.zone[:60]!r}. Use a name as Europe/Berlin.")
        _check_compare(self)
        _check_window(self)

    @property
    def reach(self) -> timedelta:
        """How far before ``start`` the first bucket looks."""
        return timedelta(minutes=max(self.window - self.interval, 0))

    @property
    def shift(self) -> timedelta:
        """How far back the compared range lies; for ``previous`` whole intervals, so that buckets match."""
        minutes = (self.end - self.start) // timedelta(minutes=1)
        return timedelta(minutes=COMPARE.get(self.compare) or ceiling(minutes, self.interval or 1))

    def previous(self) -> "Query":
        """The same question about the range to compare with, at the same time of day in the query's zone."""
        zone, shift = ZoneInfo(self.zone), self.shift
        start, end = ((moment.astimezone(zone) - shift).astimezone(UTC) for moment in (self.start, self.end))
        return replace(self, start=start, end=end, compare="", limit=0)

    def filtered(self, **values: str) -> "Query":
        """With one value for each of these filters, where it is not empty."""
        chosen = dict(self.filters) | {name: (value,) for name, value in values.items() if value}
        return replace(self, filters=tuple(sorted(chosen.items())))

    def digest(self) -> str:
        """A name for the question: the same for equal ones, whatever process asks."""
        parts = [getattr(self, name) for name in self.__slots__]
        text = json.dumps([part.isoformat() if isinstance(part, datetime) else part for part in parts])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _check_range(query: Query) -> None:
    for moment in (query.start, query.end):
        if moment.tzinfo is None or moment.second or moment.microsecond:
            raise QueryError("bad_time", "from and to are whole minutes with a time zone.")
    if query.start >= query.end:
        raise QueryError("bad_range", "to must lie after from; the range is [from, to).")
    minutes = (query.end - query.start) // timedelta(minutes=1)
    if query.interval and minutes // query.interval > MAX_BUCKETS:
        raise QueryError("too_many_buckets", f"That is more than {MAX_BUCKETS:,} buckets. Ask for a coarser interval.")


def _check_compare(query: Query) -> None:
    if not query.compare:
        return
    if query.compare not in COMPARE:
        raise QueryError(
            "unknown_compare",
            "compare takes: previous (the range of the same length before), day or week (the same time then).",
        )
    if query.interval and query.shift % timedelta(minutes=query.interval):
        raise QueryError("unknown_compare", "Weeks cannot be compared with the day before. Take compare=week.")
    if query.start - EARLIEST < query.shift + timedelta(days=1):
        raise QueryError("bad_range", "The range to compare with begins before 1970. Ask for a shorter one.")


def _check_window(query: Query) -> None:
    if not query.window:
        return
    whole = query.interval and query.interval < LOCAL and query.window % query.interval == 0
    aligned = whole and minute_of(query.start) % query.interval == 0 == minute_of(query.end) % query.interval
    if not aligned or query.window // query.interval > MAX_STRIDES or query.compare:
        raise QueryError(
            "bad_window",
            f"A window is a whole number of intervals, {MAX_STRIDES} at most, of less than {LOCAL} minutes each; its"
            " range is of whole intervals, and nothing is compared with.",
        )
    if query.start - EARLIEST < query.reach:
        raise QueryError("bad_range", "The window begins before 1970.")


def parse_time(text: str, now: datetime, *, up: bool = False, zone: str = "UTC") -> datetime:
    """``2026-11-20T14:02:00Z``, a date, ``now``, ``-24h`` or epoch seconds, as UTC cut to the minute (``up``: the
    next full minute). A time that names no zone is in ``zone``."""
    moment = _moment(text.strip(), now, zone)
    if not EARLIEST <= moment < LATEST:
        raise QueryError("bad_time", f"{text[:40]!r} lies outside of {EARLIEST.year} to {LATEST.year}.")
    cut = moment.replace(second=0, microsecond=0)
    return cut + timedelta(minutes=1) if up and cut < moment else cut


def _moment(text: str, now: datetime, zone: str) -> datetime:
    problem = QueryError("bad_time", f"{text[:40]!r} is not a time. Use 2026-11-20T14:00:00Z, 2026-11-20, now or -24h.")
    relative = _RELATIVE.fullmatch(text)
    try:
        if text == "now":
            return now
        if relative:
            return now - timedelta(**{_UNITS[relative[2]]: int(relative[1])})
        if re.fullmatch(r"\d{1,11}(\.\d+)?", text):
            return datetime.fromtimestamp(float(text), UTC)
        parsed = parse_datetime(text) or datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise problem from error


def parse_interval(text: str) -> int:
    """Minutes a bucket; 0 for none."""
    name = _SHORT.get(text, text)
    if not name:
        return 0
    if name not in INTERVALS:
        raise QueryError("unknown_interval", f"There is no interval {text!r}. There are: {', '.join(INTERVALS)}.")
    return INTERVALS[name]


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def build(
    project: Project,
    now: datetime,
    *,
    start: str,
    end: str,
    metrics: str = "",
    group_by: str = "",
    interval: str = "",
    filters: Iterable[tuple[str, str]] = (),
    compare: str = "",
    order: str = "",
    limit: str = "",
    zone: str = "",
) -> Query:
    """The Query of strings, as they stand in an address or on a command line. Raises QueryError."""
    chosen: dict[str, tuple[str, ...]] = {}
    for name, value in filters:
        chosen[name] = (*chosen.get(name, ()), value)
    if limit and not (limit.isdecimal() and len(limit) < 10):
        raise QueryError("bad_limit", f"limit takes a number from 1 to {MAX_ROWS}.")
    return Query(
        project.pk,
        parse_time(start, now),
        parse_time(end, now, up=True),
        tuple(dict.fromkeys(_list(metrics))) or DEFAULT_METRICS,
        _list(group_by),
        parse_interval(interval),
        tuple(sorted(chosen.items())),
        compare,
        order,
        int(limit or 0),
        zone or "UTC",
    )


def as_dict(query: Query, slug: str) -> Mapping[str, object]:
    """The question as the API repeats it."""
    names = {minutes: name for name, minutes in INTERVALS.items()}
    return {
        "project": slug,
        "from": query.start.isoformat().replace("+00:00", "Z"),
        "to": query.end.isoformat().replace("+00:00", "Z"),
        "metrics": list(query.metrics),
        "group_by": list(query.group_by),
        "interval": names.get(query.interval) if query.interval else None,
        "filters": {name: list(values) for name, values in query.filters},
        "compare": query.compare or None,
        "order": query.order or None,
        "limit": query.limit or None,
        "zone": query.zone,
    }
