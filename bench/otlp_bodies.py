"""Bodies of OTLP requests, made up: for bench/otlp_decode.py, bench/fuzz.py and the tests. Both forms of one message.

The JSON form is written here from the specification alone (https://opentelemetry.io/docs/specs/otlp/), by walking the
message's fields, so that it shares nothing with what reads it.
"""

from __future__ import annotations

import base64
import json
import math
import random
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

NOON = 1_763_035_200 * 10**9  # 2025-11-13T12:00:00Z in nanoseconds
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5",
    "okhttp/4.12.0",
    "python-requests/2.32.3",
)
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_HEX = ("trace_id", "span_id", "parent_span_id")


def to_json(message: Any) -> bytes:
    """The OTLP/JSON form of any message: camelCase, ids in hex, 64-bit integers as strings, enums as numbers."""
    return json.dumps(_object(message), separators=(",", ":")).encode()


def _object(message: Any) -> dict[str, Any]:
    found = {}
    for field, value in message.ListFields():
        values = [_scalar(field, one) for one in value] if field.is_repeated else _scalar(field, value)
        found[field.json_name] = values
    return found


def _scalar(field: Any, value: Any) -> Any:
    if field.type == field.TYPE_MESSAGE:
        return _object(value)
    if field.type == field.TYPE_BYTES:
        return value.hex() if field.name in _HEX else base64.b64encode(value).decode()
    if field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def set_value(any_value: Any, value: Any) -> None:
    """Python's value into an AnyValue: text, bool, int, float, bytes, list or dict."""
    if isinstance(value, bool):
        any_value.bool_value = value
    elif isinstance(value, dict):
        any_value.kvlist_value.SetInParent()
        set_attributes(any_value.kvlist_value.values, value)
    elif isinstance(value, list):
        any_value.array_value.SetInParent()
        for one in value:
            set_value(any_value.array_value.values.add(), one)
    elif value is not None:
        kinds = {str: "string_value", int: "int_value", float: "double_value", bytes: "bytes_value"}
        setattr(any_value, kinds[type(value)], value)


def set_attributes(attributes: Any, values: dict[str, Any]) -> None:
    for key, value in values.items():
        pair = attributes.add(key=key)
        set_value(pair.value, value)


def stable_attributes(rng: random.Random, number: int) -> dict[str, Any]:
    """What FastAPI's instrumentation tells of a request under the stable conventions."""
    return {
        "http.request.method": rng.choice(("GET", "GET", "GET", "POST", "PUT")),
        "url.scheme": "https",
        "url.path": f"/orders/{number}/items",
        "http.route": f"/orders{number % 40}/{{id}}/items",
        "http.response.status_code": rng.choice((200, 200, 200, 201, 404, 500)),
        "network.protocol.version": "1.1",
        "server.address": "shop.example.org",
        "server.port": 443,
        "client.address": f"192.0.2.{number % 200}",
        "client.port": rng.randrange(1024, 65_536),
        "user_agent.original": rng.choice(AGENTS),
        "http.response.body.size": rng.randrange(100_000),
    }


def old_attributes(rng: random.Random, number: int) -> dict[str, Any]:
    return {
        "http.method": "GET",
        "http.url": f"https://shop.example.org/orders/{number}?page=2",
        "http.target": f"/orders/{number}?page=2",
        "http.route": "orders/<int:pk>",
        "http.status_code": rng.choice((200, 304, 404)),
        "http.user_agent": rng.choice(AGENTS),
        "http.response_content_length": rng.randrange(10_000),
        "net.peer.port": rng.randrange(65_536),
    }


def add_span(spans: Any, rng: random.Random, attributes: dict[str, Any], kind: int = Span.SPAN_KIND_SERVER) -> Any:
    start = NOON + rng.randrange(3_600 * 10**9)
    span = spans.add(
        trace_id=rng.randbytes(16),
        span_id=rng.randbytes(8),
        kind=kind,
        name="GET /orders/{id}",
        start_time_unix_nano=start,
        end_time_unix_nano=start + rng.randrange(10**9),
        flags=0x101,
    )
    set_attributes(span.attributes, attributes)
    return span


def trace_request(rng: random.Random, spans: int) -> ExportTraceServiceRequest:
    """Server spans of one service, as an exporter sends them."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    set_attributes(
        resource.resource.attributes,
        {"service.name": "shop", "service.version": "1.2.3", "telemetry.sdk.language": "python"},
    )
    scope = resource.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.fastapi"
    for number in range(spans):
        add_span(scope.spans, rng, stable_attributes(rng, number))
    return request


def mixed_trace_request(rng: random.Random) -> ExportTraceServiceRequest:
    """A few spans of all sorts: requests, other spans, and what is not quite right."""
    request = trace_request(rng, rng.randrange(3))
    scope = request.resource_spans[0].scope_spans.add()
    for number in range(rng.randrange(1, 5)):
        make = rng.choice((stable_attributes, old_attributes))
        span = add_span(scope.spans, rng, make(rng, number), kind=rng.choice((2, 2, 2, 1, 3)))
        span.trace_state = rng.choice(("", "ot=th:8", "a=b,ot=rv:12;th:c", "ot=th:zz"))
        if rng.random() < 0.3:
            del span.attributes[rng.randrange(len(span.attributes))]
        if rng.random() < 0.3:
            span.status.code = 2
        if rng.random() < 0.3:
            set_attributes(span.attributes, {"enduser.id": rng.choice(("ada", 7, 1.5, True, ["a"], {"b": [1]}, b"x"))})
    return request


def mixed_metrics_request(rng: random.Random) -> ExportMetricsServiceRequest:
    """Histograms of request durations of both kinds and both temporalities, and other metrics beside them."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    set_attributes(resource.resource.attributes, {"service.name": "shop", "service.version": "1.2.3"})
    scope = resource.scope_metrics.add()
    scope.scope.name, scope.scope.version = "opentelemetry.instrumentation.flask", "0.66"
    for _ in range(rng.randrange(1, 4)):
        metric = scope.metrics.add(name=rng.choice(("http.server.request.duration", "http.server.duration")))
        metric.unit = rng.choice(("s", "ms", ""))
        data = metric.histogram if rng.random() < 0.5 else metric.exponential_histogram
        data.aggregation_temporality = rng.choice((1, 2, 2))
        for number in range(rng.randrange(1, 3)):
            add_point(data.data_points, rng, number, exponential=metric.WhichOneof("data") != "histogram")
    scope.metrics.add(name="http.server.active_requests").sum.data_points.add(as_int=3)
    scope.metrics.add(name="process.cpu").gauge.data_points.add(as_double=0.5)
    return request


def add_point(points: Any, rng: random.Random, number: int, *, exponential: bool) -> Any:
    start = NOON + rng.randrange(300) * 10**9
    point = points.add(start_time_unix_nano=start, time_unix_nano=start + rng.randrange(1, 3_600) * 10**9)
    set_attributes(
        point.attributes,
        {
            "http.request.method": "GET",
            "http.route": f"/orders{number}/{{id}}",
            "http.response.status_code": rng.choice((200, 404, 500)),
            "url.scheme": "https",
        },
    )
    counts = [rng.choice((0, 0, 1, 5, 70_000)) for _ in range(len(BOUNDS) + 1)]
    if exponential:
        point.scale, point.zero_count, point.positive.offset = rng.randrange(-2, 8), rng.randrange(3), -20
        point.positive.bucket_counts.extend(counts)
        point.count = sum(counts) + point.zero_count
    else:
        point.explicit_bounds.extend(BOUNDS)
        point.bucket_counts.extend(counts)
        point.count = sum(counts)
    if rng.random() < 0.8:
        point.sum, point.min, point.max = point.count * 0.1, 0.001, 11.0
    return point
