"""What the decoders of OTLP promise for any bytes, checked against OpenTelemetry's own messages and Python's json."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.otlp_bodies import mixed_metrics_request, mixed_trace_request, to_json
from endpoint_stats.ingest.otlp.errors import OtlpError
from endpoint_stats.ingest.otlp.histograms import increase
from endpoint_stats.ingest.otlp.metrics import Metrics, decode_metrics
from endpoint_stats.ingest.otlp.points import Point
from endpoint_stats.ingest.otlp.sampling import MAX_WEIGHT
from endpoint_stats.ingest.otlp.traces import Traces, decode_traces
from endpoint_stats.ingest.sources.base import REASONS, Reject
from endpoint_stats.ingest.sources.hits import HitsSource, columns

HTTP_METRICS = ("http.server.request.duration", "http.server.duration")
METHODS = ("http.request.method", "http.method")
_SLOTS = HitsSource.slots


def traces_body(rng: random.Random) -> bytes:
    return mixed_trace_request(rng).SerializeToString()


def traces_json_body(rng: random.Random) -> bytes:
    return to_json(mixed_trace_request(rng))


def metrics_body(rng: random.Random) -> bytes:
    return mixed_metrics_request(rng).SerializeToString()


def metrics_json_body(rng: random.Random) -> bytes:
    return to_json(mixed_metrics_request(rng))


def expect(holds: bool, promise: str) -> None:
    """AssertionError, also under ``python -O``."""
    if not holds:
        raise AssertionError(promise)


def check_traces(body: bytes) -> bool:
    try:
        traces = decode_traces(body, json=False)
    except OtlpError:
        expect(_parsed(ExportTraceServiceRequest, body) is None, "what OpenTelemetry reads is read")
        return False
    whole = _parsed(ExportTraceServiceRequest, body)
    _check_traces(traces, None if whole is None else _protobuf_spans(whole))
    return True


def check_traces_json(body: bytes) -> bool:
    try:
        traces = decode_traces(body, json=True)
    except OtlpError:
        return False
    _check_traces(traces, _json_spans(json.loads(body, strict=False)))
    return True


def _check_traces(traces: Traces, spans: Iterable[tuple[bool, bool, bool]] | None) -> None:
    """spans: for each whether it is a server's, has a method, has an attribute of HTTP; None where nobody knows."""
    _check_rejected(traces.rejected, traces.received)
    expect(traces.received == len(traces.hits) + len(traces.rejected), "received = hits + rejected")
    if traces.weights is not None:
        expect(len(traces.weights) == len(traces.hits), "a weight for each hit")
        expect(all(1 <= weight <= MAX_WEIGHT for weight in traces.weights), "weights in their range")
    for slot, values in columns(traces.hits).items():
        for value in values:
            try:
                _SLOTS[slot](value)
            except Reject:
                continue
    if spans is None:
        return
    listed = list(spans)
    expect(traces.received + traces.other == len(listed), "every span once")
    surely = sum(server and method for server, method, _ in listed)
    perhaps = sum(server and http for server, _, http in listed)
    expect(surely <= traces.received <= perhaps, "HTTP server spans are hits or rejected")


def _check_rejected(rejected: list[tuple[int, str]], received: int) -> None:
    indexes = [index for index, _ in rejected]
    expect(indexes == sorted(set(indexes)), "each index once, ascending")
    expect(all(0 <= index < received for index in indexes), "indexes among what was received")
    expect(all(reason in REASONS for _, reason in rejected), "a reason of the registry")


def _parsed(request: Any, body: bytes) -> Any:
    try:
        return request.FromString(body)
    except DecodeError:
        return None


def _protobuf_spans(request: Any) -> Iterator[tuple[bool, bool, bool]]:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                # Of one key the last counts.
                found = {pair.key: pair.value.string_value for pair in span.attributes}
                http = any(key.startswith("http.") for key in found)
                yield span.kind == 2, any(found.get(name) for name in METHODS), http


def _items(parent: Any, name: str) -> list[Any]:
    return (parent or {}).get(name) or []


def _json_spans(request: Any) -> Iterator[tuple[bool, bool, bool]]:
    for resource in _items(request, "resourceSpans"):
        for scope in _items(resource, "scopeSpans"):
            for span in _items(scope, "spans"):
                pairs = _items(span, "attributes")
                found = {pair.get("key") or "": (pair.get("value") or {}).get("stringValue") for pair in pairs}
                http = any(key.startswith("http.") for key in found)
                yield span.get("kind") in (2, "SPAN_KIND_SERVER"), any(found.get(name) for name in METHODS), http


def check_metrics(body: bytes) -> bool:
    try:
        metrics = decode_metrics(body, json=False)
    except OtlpError:
        expect(_parsed(ExportMetricsServiceRequest, body) is None, "what OpenTelemetry reads is read")
        return False
    _check_metrics(metrics, list(_protobuf_points(ExportMetricsServiceRequest.FromString(body))))
    return True


def check_metrics_json(body: bytes) -> bool:
    try:
        metrics = decode_metrics(body, json=True)
    except OtlpError:
        return False
    _check_metrics(metrics, None)
    return True


def _check_metrics(metrics: Metrics, counted: list[tuple[str, int]] | None) -> None:
    """counted: name and number of points of each metric; None where nobody knows."""
    _check_rejected(metrics.rejected, metrics.received)
    if counted is not None:
        expect(metrics.received + metrics.other == sum(points for _, points in counted), "every point once")
        most = sum(points for name, points in counted if name in HTTP_METRICS)
        expect(metrics.received <= most, "only points of these metrics")
    for point in metrics.points:
        _check_point(point)


def _check_point(point: Point) -> None:
    added, state = increase(None, point, heard=True)
    expect(added.count == point.count, "a point that counts whole")
    expect(sum(count for _, count in added.slots) + added.untimed == added.count, "slots and untimed are all")
    expect([slot for slot, _ in added.slots] == sorted({slot for slot, _ in added.slots}), "slots ascend")
    expect(0 <= added.error_extra <= 10_000 and 0 <= added.duration_us < 2**63, "sums in their range")
    if point.cumulative:
        again, same = increase(state, point)
        expect(again.count == 0 and same == state, "the same point again adds nothing")


def _protobuf_points(request: Any) -> Iterator[tuple[str, int]]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                yield metric.name, len(getattr(metric, kind).data_points) if kind else 0
