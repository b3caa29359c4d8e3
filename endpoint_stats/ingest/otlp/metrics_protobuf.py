"""The protobuf form of a metrics request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from .raw_points import OLD, STABLE, RawExplicit, RawExponential, RawMetric, RawPoint, RawScope
from .wire import pairs


def scopes(body: bytes) -> Iterator[RawScope]:
    """Raises protobuf's DecodeError."""
    for resource_metrics in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        resource = pairs(resource_metrics.resource.attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            scope = scope_metrics.scope
            yield RawScope(resource, scope.name, scope.version, [_metric(metric) for metric in scope_metrics.metrics])


def _metric(metric: Any) -> RawMetric:
    kind = metric.WhichOneof("data")
    if kind is None:
        return RawMetric(metric.name, metric.unit, 0, [], 0)
    data = getattr(metric, kind)
    if metric.name not in (STABLE, OLD) or kind not in ("histogram", "exponential_histogram"):
        return RawMetric(metric.name, metric.unit, 0, [], len(data.data_points))
    buckets = _explicit if kind == "histogram" else _exponential
    points = [_point(point, buckets(point)) for point in data.data_points]
    return RawMetric(metric.name, metric.unit, data.aggregation_temporality, points, 0)


def _point(point: Any, buckets: RawExplicit | RawExponential) -> RawPoint:
    return RawPoint(
        pairs(point.attributes),
        point.start_time_unix_nano,
        point.time_unix_nano,
        point.flags,
        point.count,
        point.sum if point.HasField("sum") else None,
        point.min if point.HasField("min") else None,
        point.max if point.HasField("max") else None,
        buckets,
    )


def _explicit(point: Any) -> RawExplicit:
    return RawExplicit(list(point.explicit_bounds), list(point.bucket_counts))


def _exponential(point: Any) -> RawExponential:
    return RawExponential(
        point.scale,
        point.zero_count,
        point.zero_threshold,
        point.positive.offset,
        list(point.positive.bucket_counts),
        list(point.negative.bucket_counts),
    )
