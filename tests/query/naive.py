"""What a question's answer must be, counted from the hits themselves in plain Python."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUANTILES = {"p50": "0.5", "p75": "0.75", "p90": "0.9", "p95": "0.95", "p99": "0.99", "p999": "0.999", "max": "1"}
ZEROS = ("requests", "rate", "errors", "client_errors", "request_bytes", "response_bytes", "consumers")
NOT_BY_STATUS = ("mean", "request_bytes", "response_bytes", "consumers")
BOTS, HEALTH_PATHS = ("Googlebot/2.1",), ("/healthz",)


@dataclass(frozen=True)
class Asked:
    """A question as the tests ask it; times in minutes since 1970, interval in minutes."""

    start: int
    end: int
    metrics: tuple = ("requests",)
    group_by: tuple = ()
    interval: int = 0
    filters: tuple = ()

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


def bucket_of(minute, interval):
    if not interval:
        return None
    if interval == 7 * 1440:
        day = EPOCH + timedelta(minutes=minute)
        return minute - minute % 1440 - 1440 * day.weekday()
    return minute - minute % interval


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
    return {
        "requests": lambda: len(hits),
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
        return "unanswerable" if "consumers" in asked.metrics and _not_of_consumers(asked, names) else ""
    if asked.by_consumer() and asked.interval % 60:
        return "unanswerable"
    code = _kept(asked, store, start, end, asked.by_consumer())
    if not code and "consumers" in asked.metrics:
        if _not_of_consumers(asked, names):
            return "unanswerable"
        code = _kept(asked, store, start, end, True)
    return code


def _not_of_consumers(asked, names):
    return bool(names & {"release", "traffic"}) or asked.interval % 60 != 0


def _kept(asked, store, start, end, hours_at_most):
    """Minute by minute: a whole day, else a whole hour that is kept, else the minute, must lie in one bucket."""
    at = start
    while at < end:
        if at % 1440 == 0 and at + 1440 <= end and asked.interval % 1440 == 0:
            at += 1440
        elif at % 60 == 0 and at + 60 <= end and asked.interval % 60 == 0 and at >= store.hour_floor:
            at += 60
        elif (
            at >= store.minute_floor
            and not hours_at_most
            and not (at % 60 == 0 and at + 60 <= end and asked.interval % 60 == 0)
        ):
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
        bucket = bucket_of(hit["time"] // 60, asked.interval)
        rows[bucket, *(group_value(hit, name) for name in asked.group_by)].append(hit)
    if asked.interval and not asked.group_by:
        bucket = bucket_of(asked.start, asked.interval)
        while bucket < asked.end:
            rows.setdefault((bucket,), [])
            bucket += asked.interval

    def values(hits, seconds):
        return {name: metric(name, hits, seconds, store.apdex) for name in asked.metrics}

    found = {}
    for key, hits in rows.items():
        start, end = asked.start, asked.end
        if key[0] is not None:
            start, end = max(start, key[0]), min(end, key[0] + asked.interval)
        time = None if key[0] is None else iso(key[0])
        found[time, *key[1:]] = values(hits, (end - start) * 60)
    return found, values(chosen, (asked.end - asked.start) * 60)


def same(name, got, expected):
    """Whether a metric is what it must be: exact, or within the error bound where it comes from a sketch."""
    if got is None or expected is None:
        return got is expected
    if name.removesuffix("_previous") in QUANTILES:
        return abs(got - expected) <= 0.01 * expected * (1 + 1e-9)
    return abs(got - expected) <= 1e-9 * max(abs(float(expected)), 1)
