"""What a question's answer must be, counted from the hits themselves in plain Python."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import ceil, inf
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUANTILES = {"p50": "0.5", "p75": "0.75", "p90": "0.9", "p95": "0.95", "p99": "0.99", "p999": "0.999", "max": "1"}
ZEROS = ("requests", "timed", "rate", "errors", "client_errors", "request_bytes", "response_bytes", "consumers")
NOT_BY_STATUS = ("mean", "request_bytes", "response_bytes", "consumers")
GAMMA = Fraction(101, 99)
BOTS, HEALTH_PATHS = ("Googlebot/2.1",), ("/healthz",)


def _bands():
    """Powers of gamma in nanoseconds, in seconds: for each of 1/4 ms times the square root of two the nearest."""
    edges, edge = [], Fraction(1)
    while edge < 2 * 64 * 10**9:
        edges.append(float(edge) / 1e9)
        edge = Fraction(round(edge * GAMMA * 10**30), 10**30)
    return [min(edges, key=lambda edge: abs(edge - 0.00025 * 2 ** (at / 2))) for at in range(37)]


BANDS = _bands()


@dataclass(frozen=True)
class Asked:
    """A question as the tests ask it; times in minutes since 1970, interval in minutes."""

    start: int
    end: int
    metrics: tuple = ("requests",)
    group_by: tuple = ()
    interval: int = 0
    filters: tuple = ()
    zone: str = "UTC"
    compare: str = ""

    def by_consumer(self):
        return "consumer" in (*self.group_by, *(name for name, _ in self.filters))


@dataclass
class Store:
    """What was imported: hits (service, then the fields of a Hit), and the first minute that each level keeps."""

    hits: list = field(default_factory=list)
    minute_floor: int = 0
    hour_floor: int = 0
    apdex: float = 0.5


def traffic(hit):
    if hit["path"] in HEALTH_PATHS:
        return "health"
    return "bot" if hit.get("user_agent") in BOTS else "normal"


def group_value(hit, name):
    """What a row says of the group, as a tuple that tells two groups apart."""
    values = {
        "endpoint": (hit["service"], hit["method"], hit["route"]),
        "service": (hit["service"],),
        "method": (hit["method"],),
        "route": (hit["route"],),
        "release": (hit["service"], hit["version"]) if hit.get("version") else ("", ""),
        "status": (hit["status"],),
        "traffic": (traffic(hit),),
        "consumer": (hit.get("consumer") or "",),
    }
    return values[name]


def said(row, name):
    """The same of a row of the product."""
    names = {"endpoint": ("service", "method", "route"), "release": ("release_service", "release")}
    return tuple(row[part] for part in names.get(name, (name,)))


def passes(hit, name, wanted):
    if name == "status":
        return any(
            str(hit["status"]) == value or (value[1:] == "xx" and str(hit["status"])[0] == value[0]) for value in wanted
        )
    if name == "endpoint":
        return f"{hit['method']} {hit['route']}" in wanted
    if name == "release":
        return (hit.get("version") or "") in wanted
    return group_value(hit, name)[0] in wanted


def bucket_of(minute, asked):
    """First minute of the bucket: of the wall clock's day, week or quarter of a day, and of UTC below that."""
    interval = asked.interval
    if not interval:
        return None
    zone = ZoneInfo(asked.zone if interval >= 360 else "UTC")
    local = (EPOCH + timedelta(minutes=minute)).astimezone(zone)
    day = datetime(local.year, local.month, local.day)
    if interval == 7 * 1440:
        wall = day - timedelta(days=day.weekday())
    elif interval == 1440:
        wall = day
    elif interval == 360:
        wall = day.replace(hour=local.hour // 6 * 6)
    else:
        return minute - minute % interval
    return (wall.replace(tzinfo=zone) - EPOCH) // timedelta(minutes=1)


@cache
def buckets_of(asked):
    """All buckets that the range touches, found minute by minute."""
    return list(dict.fromkeys(bucket_of(minute, asked) for minute in range(asked.start, asked.end)))


@cache
def end_of(bucket, asked):
    """The first minute after a bucket."""
    # Buckets have at least their nominal length, or that of a day less an hour or two.
    minute = bucket + max(asked.interval - 180, 1)
    while bucket_of(minute, asked) == bucket:
        minute += 1
    return minute


@cache
def fits(size, asked):
    """Whether rows of ``size`` minutes lie in one bucket each: every bucket's edge is one of theirs."""
    if not asked.interval:
        return True
    starts = buckets_of(asked)
    return all(edge % size == 0 for edge in (*starts, end_of(starts[-1], asked)))


def compared(asked):
    """The same question about the range to compare with."""
    zone = ZoneInfo(asked.zone)
    length = asked.end - asked.start
    step = asked.interval or 1
    back = {"previous": -(-length // step) * step, "day": 1440, "week": 7 * 1440}[asked.compare]

    def moved(minute):
        # Arithmetic on a local time keeps the time of day.
        local = (EPOCH + timedelta(minutes=minute)).astimezone(zone) - timedelta(minutes=back)
        return (local - EPOCH) // timedelta(minutes=1)

    return replace(asked, start=moved(asked.start), end=moved(asked.end), compare="")


def iso(minute):
    return (EPOCH + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")


def metric(name, hits, seconds, apdex):
    durations = sorted(hit["duration"] for hit in hits if hit.get("duration") is not None)
    errors = sum(hit["status"] >= 500 for hit in hits)
    if name in QUANTILES:
        place = max(ceil(Fraction(QUANTILES[name]) * len(durations)), 1)
        return durations[place - 1] if durations else None
    if name == "apdex":
        score = sum(1 if d <= apdex else 0.5 if d <= 4 * apdex else 0 for d in durations)
        return score / len(durations) if durations else None
    if name == "mean":
        return sum(map(Fraction, map(str, durations))) / len(durations) if durations else None
    if name == "histogram":
        return [sum(lower < d <= upper for d in durations) for lower, upper in pairwise((-1, *BANDS, inf))]
    return {
        "requests": lambda: len(hits),
        "timed": lambda: len(durations),
        "rate": lambda: len(hits) / seconds,
        "errors": lambda: errors,
        "client_errors": lambda: sum(400 <= hit["status"] < 500 for hit in hits),
        "error_rate": lambda: errors / len(hits) if hits else None,
        "availability": lambda: 1 - errors / len(hits) if hits else None,
        "request_bytes": lambda: sum(hit.get("request_size") or 0 for hit in hits),
        "response_bytes": lambda: sum(hit.get("response_size") or 0 for hit in hits),
        "consumers": lambda: len({hit["consumer"] for hit in hits if hit.get("consumer")}),
    }[name]()


def refusal(asked, store):
    """The code that the question is refused with, "" where it is answered."""
    if asked.compare:
        return (
            ("unknown_compare" if asked.compare == "day" and asked.interval == 7 * 1440 else "")
            or refusal(replace(asked, compare=""), store)
            or refusal(compared(asked), store)
        )
    names = {*asked.group_by, *(name for name, _ in asked.filters)}
    if "status" in names and set(asked.metrics) & set(NOT_BY_STATUS):
        return "unanswerable"
    if asked.by_consumer() and (names & {"release", "traffic"} or "consumers" in asked.metrics):
        return "unanswerable"
    if not store.hits:
        return ""
    # Outside of the days that have hits there is nothing to know.
    minutes = [hit["time"] // 60 for hit in store.hits]
    start = max(asked.start, min(minutes) // 1440 * 1440)
    end = min(asked.end, max(minutes) // 1440 * 1440 + 1440)
    if start >= end:
        never = names & {"release", "traffic"} or asked.interval % 60
        return "unanswerable" if "consumers" in asked.metrics and never else ""
    if asked.by_consumer() and not fits(60, asked):
        return "unanswerable"
    code = _kept(asked, store, start, end, asked.by_consumer())
    if not code and "consumers" in asked.metrics:
        if _not_of_consumers(asked, names):
            return "unanswerable"
        code = _kept(asked, store, start, end, True)
    return code


def _not_of_consumers(asked, names):
    return bool(names & {"release", "traffic"}) or not fits(60, asked)


def _kept(asked, store, start, end, hours_at_most):
    """Minute by minute: a whole day, else a whole hour that is kept, else the minute, must lie in one bucket."""
    at, whole_days, whole_hours = start, fits(1440, asked), fits(60, asked)
    while at < end:
        if at % 1440 == 0 and at + 1440 <= end and whole_days:
            at += 1440
        elif at % 60 == 0 and at + 60 <= end and whole_hours and at >= store.hour_floor:
            at += 60
        elif at >= store.minute_floor and not hours_at_most and not (at % 60 == 0 and at + 60 <= end and whole_hours):
            at += 1
        else:
            return "not_kept"
    return ""


def answer(asked, store):
    """({(bucket's time or None, group, …): {metric: value}}, totals)."""
    chosen = [
        hit
        for hit in store.hits
        if asked.start <= hit["time"] // 60 < asked.end and all(passes(hit, *wanted) for wanted in asked.filters)
    ]
    if asked.by_consumer():
        chosen = [hit for hit in chosen if hit.get("consumer")]
    rows = defaultdict(list)
    for hit in chosen:
        bucket = bucket_of(hit["time"] // 60, asked)
        rows[bucket, *(group_value(hit, name) for name in asked.group_by)].append(hit)
    if asked.interval and not asked.group_by:
        for bucket in buckets_of(asked):
            rows.setdefault((bucket,), [])

    def values(hits, seconds):
        return {name: metric(name, hits, seconds, store.apdex) for name in asked.metrics}

    found = {}
    for key, hits in rows.items():
        start, end = asked.start, asked.end
        if key[0] is not None:
            start, end = max(start, key[0]), min(end, end_of(key[0], asked))
        time = None if key[0] is None else iso(key[0])
        found[time, *key[1:]] = values(hits, (end - start) * 60)
    totals = values(chosen, (asked.end - asked.start) * 60)
    if asked.compare:
        _add_compared(asked, store, found, totals)
    return found, totals


def _add_compared(asked, store, found, totals):
    """What the other range says of the same groups, in the bucket at the same place of its range."""
    other = compared(asked)
    rows, before = answer(other, store)
    places = [None] if not asked.interval else [iso(bucket) for bucket in buckets_of(asked)]
    theirs = [None] if not asked.interval else [iso(bucket) for bucket in buckets_of(other)]
    moved = dict(zip(places, theirs, strict=False))
    for key, row in found.items():
        match = rows.get((moved.get(key[0], "none"), *key[1:]), {})
        row |= {f"{name}_previous": match.get(name) for name in asked.metrics}
    totals |= {f"{name}_previous": before[name] for name in asked.metrics}


def same(name, got, expected):
    """Whether a metric is what it must be: exact, or within the error bound where it comes from a sketch."""
    if got is None or expected is None:
        return got is expected
    if isinstance(expected, list):
        return got == expected
    if name.removesuffix("_previous") in QUANTILES:
        return abs(got - expected) <= 0.01 * expected * (1 + 1e-9)
    return abs(got - expected) <= 1e-9 * max(abs(float(expected)), 1)
