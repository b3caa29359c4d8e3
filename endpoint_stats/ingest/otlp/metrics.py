"""Metrics: histograms of request durations, a point for each method, route and status of a service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from endpoint_stats.ingest.sources.base import Reject

from . import attributes, metrics_json, metrics_protobuf
from .attributes import RESOURCE_CLEANERS
from .errors import reading
from .points import Point, PointMaker
from .raw_points import NO_RECORDED_VALUE, OLD, STABLE, RawPoint, RawScope


@dataclass(slots=True)
class Metrics:
    """What a request held.

    points: one for each data point of a histogram of request durations, in the order of the body
    rejected: those that cannot be used: (index among all of them, key of sources.base.REASONS), ascending
    other: number of data points that count no requests: other metrics, gaps, and the old metric beside the new one
    """

    points: list[Point] = field(default_factory=list)
    rejected: list[tuple[int, str]] = field(default_factory=list)
    other: int = 0

    @property
    def received(self) -> int:
        return len(self.points) + len(self.rejected)


def decode_metrics(body: bytes, *, json: bool, consumer_attribute: str = "") -> Metrics:
    """The points in the body (decompressed) of an ExportMetricsServiceRequest.

    json: OTLP/JSON instead of protobuf. consumer_attribute: the attribute, of the point or else of its resource, that
    names the consumer; "" for ``enduser.id``. Raises OtlpError, and nothing else, for a body that cannot be decoded.
    """
    consumer = consumer_attribute or attributes.CONSUMER
    if json:
        return reading(lambda: _collect(metrics_json.scopes(body), consumer), "JSON")
    return reading(lambda: _collect(metrics_protobuf.scopes(body), consumer), "protobuf")


def _collect(scopes: Iterable[RawScope], consumer: str) -> Metrics:
    metrics = Metrics()
    cleaners = {consumer: attributes.text, **RESOURCE_CLEANERS}
    for scope in scopes:
        found = {key: clean(value) for key, value in scope.resource if (clean := cleaners.get(key))}
        sender = attributes.sender(found, consumer)
        # While a service moves to the new conventions (http/dup) it records each request under both names.
        has_stable = any(metric.name == STABLE and metric.points for metric in scope.metrics)
        for metric in scope.metrics:
            metrics.other += metric.other
            if metric.name == OLD and has_stable:
                metrics.other += len(metric.points)
            elif metric.points:
                _add(metrics, PointMaker(scope, metric, sender, consumer), metric.points)
    return metrics


def _add(metrics: Metrics, maker: PointMaker, points: list[RawPoint]) -> None:
    for raw in points:
        if raw.flags & NO_RECORDED_VALUE:
            metrics.other += 1
            continue
        try:
            metrics.points.append(maker.make(raw))
        except Reject as reject:
            metrics.rejected.append((metrics.received, reject.reason))
