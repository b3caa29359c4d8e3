"""OTLP messages for tests, made with OpenTelemetry's own classes."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.otlp_bodies import set_attributes, to_json

NOON = 1_763_035_200 * 10**9  # 2025-11-13T12:00:00Z
SECOND = 10**9
TRACE_ID = bytes.fromhex("5b8efff798038103d269b633813fc60c")  # the specification's example
STABLE = {"http.request.method": "GET", "url.path": "/orders/8123", "http.response.status_code": 200}
OLD = {"http.method": "GET", "http.target": "/orders/8123?page=2", "http.status_code": 200}


def add_span(spans: Any, attributes: dict[str, Any], **fields: Any) -> Any:
    """A server span of a quarter of a second, unless told otherwise."""
    told = {
        "kind": 2,
        "trace_id": TRACE_ID,
        "span_id": b"\1" * 8,
        "start_time_unix_nano": NOON,
        "end_time_unix_nano": NOON + SECOND // 4,
    }
    span = spans.add(**(told | fields))
    set_attributes(span.attributes, attributes)
    return span


def trace_request(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> ExportTraceServiceRequest:
    """A request of server spans with these attributes."""
    request = ExportTraceServiceRequest()
    told = request.resource_spans.add()
    set_attributes(told.resource.attributes, resource or {})
    scope = told.scope_spans.add()
    for attributes in spans:
        add_span(scope.spans, attributes)
    return request


POINT = {"http.request.method": "GET", "http.route": "/orders/{id}", "http.response.status_code": 200}
NAME = "http.server.request.duration"
DELTA, CUMULATIVE = 1, 2


def metrics_request(resource: dict[str, Any] | None = None) -> ExportMetricsServiceRequest:
    """A request with one scope and no metric yet."""
    request = ExportMetricsServiceRequest()
    told = request.resource_metrics.add()
    set_attributes(told.resource.attributes, resource or {"service.name": "shop", "service.version": "1.2.3"})
    scope = told.scope_metrics.add()
    scope.scope.name, scope.scope.version = "test", "1"
    return request


def metrics_of(request: ExportMetricsServiceRequest) -> Any:
    return request.resource_metrics[0].scope_metrics[0].metrics


def add_histogram(
    metrics: Any,
    counts: list[int],
    bounds: list[float],
    *,
    name: str = NAME,
    unit: str = "s",
    temporality: int = DELTA,
    attributes: dict[str, Any] | None = None,
    **fields: Any,
) -> Any:
    """The data point of a new metric with an explicit histogram."""
    metric = metrics.add(name=name, unit=unit)
    metric.histogram.aggregation_temporality = temporality
    told = {"start_time_unix_nano": NOON, "time_unix_nano": NOON + 60 * SECOND, "count": sum(counts)}
    point = metric.histogram.data_points.add(bucket_counts=counts, explicit_bounds=bounds, **(told | fields))
    set_attributes(point.attributes, POINT if attributes is None else attributes)
    return point


def add_exponential(
    metrics: Any,
    counts: list[int],
    *,
    scale: int = 3,
    offset: int = 0,
    zero: int = 0,
    name: str = NAME,
    unit: str = "s",
    temporality: int = DELTA,
    **fields: Any,
) -> Any:
    metric = metrics.add(name=name, unit=unit)
    metric.exponential_histogram.aggregation_temporality = temporality
    told = {"start_time_unix_nano": NOON, "time_unix_nano": NOON + 60 * SECOND, "count": sum(counts) + zero}
    point = metric.exponential_histogram.data_points.add(scale=scale, zero_count=zero, **(told | fields))
    point.positive.offset = offset
    point.positive.bucket_counts.extend(counts)
    set_attributes(point.attributes, POINT)
    return point


def bodies(request: Any) -> dict[bool, bytes]:
    """Of one message: whether it is JSON -> body."""
    return {False: request.SerializeToString(), True: to_json(request)}
