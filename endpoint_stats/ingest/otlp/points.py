"""A data point of a histogram of durations, checked: what one route and status had, in all or since the last export."""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import msgspec

from endpoint_stats.ingest.sources.base import Reject
from endpoint_stats.ingest.sources.targets import target
from endpoint_stats.ingest.sources.values import CONSUMER_LENGTH, VERSION_LENGTH, name
from endpoint_stats.routes.rules import UNMATCHED

from . import attributes, buckets, raw_points
from .attributes import Cleaner, Sender, Value
from .buckets import Range
from .raw_points import Pairs, RawExplicit, RawExponential, RawMetric, RawPoint, RawScope

PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_DEFAULT_UNIT = {raw_points.STABLE: "s", raw_points.OLD: "ms"}
_SCALES = range(-10, 21)
_MAX_COUNT = 1 << 53
_MAX_SUM = (1 << 53) / 1e6  # seconds; 285 years of requests in one point
_TIMES = 1 << 64
_MAX_INDEX = 1 << 32
_encode = msgspec.msgpack.Encoder().encode
_consumer, _version = name(CONSUMER_LENGTH), name(VERSION_LENGTH)


@dataclass(frozen=True, slots=True)
class Explicit:
    """``counts[i]`` durations above ``bounds[i - 1]`` and up to ``bounds[i]`` seconds. Both empty: nobody knows."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]

    def ranges(self) -> list[Range]:
        return buckets.explicit_ranges(self.bounds, self.counts) if self.counts else []


@dataclass(frozen=True, slots=True)
class Exponential:
    """``counts[i]`` durations above ``2^((offset + i) / 2^scale)`` and up to the next such bound, in units of which
    ``per_second`` make a second; ``zero_count`` of at most ``zero_threshold`` seconds."""

    scale: int
    zero_count: int
    zero_threshold: float
    offset: int
    counts: tuple[int, ...]
    per_second: float = 1.0

    def by_index(self) -> dict[int, int]:
        return dict(enumerate(self.counts, self.offset))

    def ranges(self) -> list[Range]:
        return buckets.zero_range(self.zero_threshold, self.zero_count) + buckets.exponential_ranges(
            self.by_index(), self.scale, self.per_second
        )


@dataclass(frozen=True, slots=True)
class Point:
    """One data point. Texts are "" where nothing is told; path only where there is no route, and the route is
    ``{unmatched}`` where there is no path either.

    status: 100 to 599. time, start: nanoseconds since 1970, start 0 where unknown.
    cumulative: it counts since ``start``, and else since the point before.
    series: digest of all that tells its stream from others: resource, scope, metric, attributes of the point.
    writer: digest of resource, scope, metric and start: one life of one process, with all its series.
    count: requests. sum, minimum, maximum: seconds, None where unknown.
    """

    service: str
    version: str
    method: str
    path: str
    route: str
    consumer: str
    status: int
    time: int
    start: int
    cumulative: bool
    series: bytes
    writer: bytes
    count: int
    sum: float | None
    minimum: float | None
    maximum: float | None
    buckets: Explicit | Exponential


def _canonical(value: Value) -> Any:
    """The value for msgpack, in which kinds stay apart; a map as its pairs in an order of their own."""
    if isinstance(value, tuple):
        return {"": _sorted_pairs(list(value))}
    return [_canonical(item) for item in value] if isinstance(value, list) else value


def _sorted_pairs(pairs: Pairs) -> list[bytes]:
    return sorted(_encode([key, _canonical(value)]) for key, value in pairs)


def _digest(*parts: object) -> bytes:
    return blake2b(_encode(parts), digest_size=16).digest()


class PointMaker:
    """Makes the Points of one metric."""

    def __init__(self, scope: RawScope, metric: RawMetric, sender: Sender, consumer: str) -> None:
        self._sender, self._consumer = sender, consumer
        self._cleaners: dict[str, Cleaner] = attributes.cleaners(consumer)
        self._temporality = metric.temporality
        self._per_second = PER_SECOND.get(metric.unit or _DEFAULT_UNIT[metric.name])
        self._stream = _digest(_sorted_pairs(scope.resource), scope.name, scope.version, metric.name, metric.unit)

    def make(self, raw: RawPoint) -> Point:
        """Raises Reject where the point lacks something or says what cannot be."""
        if self._per_second is None or self._temporality not in (raw_points.DELTA, raw_points.CUMULATIVE):
            raise Reject("field_invalid")
        found = {key: clean(value) for key, value in raw.attributes if (clean := self._cleaners.get(key))}
        status = attributes.status(found)
        method = found.get("http.request.method") or found.get("http.method")
        route = found.get("http.route") or ""
        path = "" if route else attributes.path(found) or ""
        if path and "url.path" not in found and not path.startswith(("/", "*")) and "://" not in path:
            # What Django's instrumentation calls the target of a metric is the view's route, without its slash.
            route, path = f"/{path}", ""
        if not (route or path):
            # A 404, or what was answered before any route was looked for: metrics have no path to tell it by.
            route = UNMATCHED
        if not (method and status and raw.time):
            raise Reject("field_missing")
        if status < 0:
            raise Reject("status_invalid")
        if not (0 <= raw.start <= raw.time < _TIMES):
            raise Reject("time_invalid")
        of = self._sender
        asked = target((method, path, route, of.service))
        per_second = self._per_second
        return Point(
            service=asked.service,
            version=_version(of.version),
            method=asked.method,
            path=asked.path,
            route=asked.route,
            consumer=_consumer(attributes.consumer(found, self._consumer, of)),
            status=status,
            time=raw.time,
            start=raw.start,
            cumulative=self._temporality == raw_points.CUMULATIVE,
            series=_digest(self._stream, _sorted_pairs(raw.attributes)),
            writer=_digest(self._stream, raw.start),
            count=raw.count,
            sum=_seconds(raw.sum, per_second),
            minimum=_seconds(raw.minimum, per_second),
            maximum=_seconds(raw.maximum, per_second),
            buckets=_checked_buckets(raw, per_second),
        )


def _seconds(value: float | None, per_second: float) -> float | None:
    """None for NaN and infinity: a program that has once recorded such a duration sends such a sum for ever."""
    return None if value is None or not math.isfinite(value) else value / per_second


def _checked_buckets(raw: RawPoint, per_second: float) -> Explicit | Exponential:
    if isinstance(raw.buckets, RawExplicit):
        made: Explicit | Exponential = _explicit(raw.buckets, raw.count, per_second)
    else:
        made = _exponential(raw.buckets, raw.count, per_second)
    ranges = made.ranges()
    if buckets.impossible(ranges):
        raise Reject("duration_invalid")
    seconds = _seconds(raw.sum, per_second)
    if seconds is None:
        seconds = buckets.mapped(ranges).microseconds / 1e6
    if not 0 <= seconds <= _MAX_SUM:
        raise Reject("duration_invalid")
    return made


def _check_counts(counts: list[int], total: int) -> None:
    if not 0 <= total < _MAX_COUNT or (counts and min(counts) < 0) or sum(counts) != total:
        raise Reject("field_invalid")


def _explicit(raw: RawExplicit, total: int, per_second: float) -> Explicit:
    bounds = tuple(bound / per_second for bound in raw.bounds)
    if not bounds:
        _check_counts(raw.counts or [total], total)
        if len(raw.counts) > 1:
            raise Reject("field_invalid")
        return Explicit((), ())
    if len(raw.counts) != len(bounds) + 1 or not all(map(math.isfinite, bounds)):
        raise Reject("field_invalid")
    if any(low >= high for low, high in pairwise(bounds)):
        raise Reject("field_invalid")
    _check_counts(raw.counts, total)
    return Explicit(bounds, tuple(raw.counts))


def _exponential(raw: RawExponential, total: int, per_second: float) -> Exponential:
    if any(raw.negative):
        raise Reject("duration_invalid")
    _check_counts([raw.zero_count, *raw.counts], total)
    threshold = raw.zero_threshold / per_second
    if raw.scale not in _SCALES or not 0 <= threshold < math.inf:
        raise Reject("field_invalid")
    if not -_MAX_INDEX <= raw.offset <= _MAX_INDEX:
        raise Reject("field_invalid")
    return Exponential(raw.scale, raw.zero_count, threshold, raw.offset, tuple(raw.counts), per_second)
