"""The JSON form of a metrics request: only the fields that are read."""

from __future__ import annotations

from collections.abc import Iterator

from . import json_form
from .json_form import KeyValue, Message, Resource, pairs, some
from .raw_points import OLD, STABLE, TEMPORALITIES, RawExplicit, RawExponential, RawMetric, RawPoint, RawScope


class Buckets(Message):
    offset: int | None = None
    bucket_counts: list[int] | None = None


class DataPoint(Message):
    """A HistogramDataPoint or an ExponentialHistogramDataPoint: they share no field of different types."""

    attributes: list[KeyValue] | None = None
    start_time_unix_nano: int | None = None
    time_unix_nano: int | None = None
    flags: int | None = None
    count: int | None = None
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    bucket_counts: list[int] | None = None
    explicit_bounds: list[float] | None = None
    scale: int | None = None
    zero_count: int | None = None
    zero_threshold: float | None = None
    positive: Buckets | None = None
    negative: Buckets | None = None


class Histogram(Message):
    data_points: list[DataPoint] | None = None
    aggregation_temporality: int | str | None = None


class Unread(Message):
    """A data point that only counts as one."""


class OtherData(Message):
    data_points: list[Unread] | None = None


class Metric(Message):
    name: str | None = None
    unit: str | None = None
    histogram: Histogram | None = None
    exponential_histogram: Histogram | None = None
    gauge: OtherData | None = None
    sum: OtherData | None = None
    summary: OtherData | None = None


class Scope(Message):
    name: str | None = None
    version: str | None = None


class ScopeMetrics(Message):
    scope: Scope | None = None
    metrics: list[Metric] | None = None


class ResourceMetrics(Message):
    resource: Resource | None = None
    scope_metrics: list[ScopeMetrics] | None = None


class MetricsRequest(Message):
    resource_metrics: list[ResourceMetrics] | None = None


_decode = json_form.decoder(MetricsRequest).decode


def scopes(body: bytes) -> Iterator[RawScope]:
    """Raises msgspec's errors, which are ValueErrors, UnicodeDecodeError and RecursionError."""
    json_form.check_text(body)
    for resource_metrics in some(_decode(body).resource_metrics):
        resource = pairs(resource_metrics.resource.attributes) if resource_metrics.resource else []
        for scope_metrics in some(resource_metrics.scope_metrics):
            scope = scope_metrics.scope or Scope()
            metrics = [_metric(metric) for metric in some(scope_metrics.metrics)]
            yield RawScope(resource, scope.name or "", scope.version or "", metrics)


def _metric(metric: Metric) -> RawMetric:
    name, unit = metric.name or "", metric.unit or ""
    data = metric.histogram or metric.exponential_histogram
    if data is None:
        other = metric.gauge or metric.sum or metric.summary or OtherData()
        return RawMetric(name, unit, 0, [], len(some(other.data_points)))
    told = some(data.data_points)
    if name not in (STABLE, OLD):
        return RawMetric(name, unit, 0, [], len(told))
    points = [_point(point, exponential=metric.histogram is None) for point in told]
    temporality = data.aggregation_temporality or 0
    return RawMetric(
        name, unit, TEMPORALITIES.get(temporality, 0) if isinstance(temporality, str) else temporality, points, 0
    )


def _point(point: DataPoint, exponential: bool) -> RawPoint:
    return RawPoint(
        pairs(point.attributes),
        point.start_time_unix_nano or 0,
        point.time_unix_nano or 0,
        point.flags or 0,
        point.count or 0,
        point.sum,
        point.min,
        point.max,
        _exponential(point) if exponential else RawExplicit(some(point.explicit_bounds), some(point.bucket_counts)),
    )


def _exponential(point: DataPoint) -> RawExponential:
    positive, negative = point.positive or Buckets(), point.negative or Buckets()
    return RawExponential(
        point.scale or 0,
        point.zero_count or 0,
        point.zero_threshold or 0.0,
        positive.offset or 0,
        some(positive.bucket_counts),
        some(negative.bucket_counts),
    )
