"""Both forms of one message say the same, and JSON's own freedoms: numbers as strings, names of enums, null."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from bench.otlp_bodies import set_attributes
from endpoint_stats.ingest.otlp.errors import OtlpError
from endpoint_stats.ingest.otlp.metrics import Metrics, decode_metrics
from endpoint_stats.ingest.otlp.traces import decode_traces

from .messages import (
    NAME,
    NOON,
    OLD,
    POINT,
    SECOND,
    STABLE,
    add_span,
    bodies,
    metrics_of,
    metrics_request,
    trace_request,
)

texts = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    ["GET", "/a?b", "200", "-1", "ws", "http://h"]
)
integers = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, -1, 200, 404, 2**53])
scalars = st.none() | texts | integers | st.booleans() | st.floats() | st.binary(max_size=4)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=4
)
names = st.sampled_from([
    *STABLE, *OLD, "http.route", "http.url", "url.full", "error.type", "http.user_agent", "user_agent.original",
    "http.request.body.size", "http.response.size", "http.response_content_length", "url.scheme", "enduser.id",
    "service.name", "service.version", "other",
])  # fmt: skip
attributes = st.dictionaries(names, values, max_size=8)
near = st.builds(lambda base, more: base | more, st.sampled_from([{}, STABLE, OLD]), attributes)
times = st.sampled_from([0, 1, NOON, NOON + SECOND, 2**64 - 1])
spans = st.fixed_dictionaries({
    "kind": st.sampled_from([2, 2, 2, 0, 1, 7]),
    "trace_id": st.binary(min_size=16, max_size=16) | st.binary(max_size=20),
    "trace_state": st.sampled_from(["", "ot=th:8", "ot=th:5", "x=y,ot=rv:1;th:fd70a4", "ot=th:zz", "é"]),
    "start_time_unix_nano": times,
    "end_time_unix_nano": times,
})  # fmt: skip


@settings(deadline=None)
@given(attributes, st.lists(st.tuples(near, spans, st.sampled_from([0, 1, 2])), max_size=4))
def test_traces(resource: dict[str, Any], told: list[tuple[dict[str, Any], dict[str, Any], int]]) -> None:
    request = trace_request(resource=resource)
    for pairs, fields, code in told:
        add_span(request.resource_spans[0].scope_spans[0].spans, pairs, **fields).status.code = code
    form = bodies(request)
    traces = decode_traces(form[False], json=False)
    # repr, since NaN is not equal to itself
    assert repr(traces) == repr(decode_traces(form[True], json=True))
    assert traces.received + traces.other == len(told)


counts = st.lists(st.sampled_from([0, 1, 2, 2**40, 2**53, 2**63]), max_size=4)
numbers = st.floats() | st.sampled_from([0.0, 0.5, 1.0, 5.0])
points = st.fixed_dictionaries(
    {"start_time_unix_nano": times, "time_unix_nano": times, "flags": st.sampled_from([0, 0, 1])}
)
extremes = st.dictionaries(st.sampled_from(["sum", "min", "max"]), numbers)
bounds = st.lists(numbers, max_size=3) | st.just([0.1, 0.5, 1.0])


@st.composite
def metrics_requests(draw: Any) -> ExportMetricsServiceRequest:
    request = metrics_request(draw(attributes))
    for _ in range(draw(st.integers(0, 3))):
        metric = metrics_of(request).add(name=draw(st.sampled_from([NAME, "http.server.duration", "other"])))
        metric.unit = draw(st.sampled_from(["s", "ms", "", "By"]))
        kind = draw(st.sampled_from(["histogram", "exponential_histogram", "gauge", "sum", "summary"]))
        data = getattr(metric, kind)
        data.SetInParent()
        if kind in ("gauge", "sum", "summary"):
            data.data_points.add(time_unix_nano=5)
            continue
        data.aggregation_temporality = draw(st.sampled_from([0, 1, 2]))
        told = draw(counts)
        point = data.data_points.add(**draw(points), **draw(extremes))
        point.count = draw(st.sampled_from([sum(told), 3])) % 2**64
        set_attributes(point.attributes, draw(st.just(POINT) | near))
        if kind == "histogram":
            point.bucket_counts.extend(told)
            point.explicit_bounds.extend(draw(bounds))
        else:
            point.scale, point.zero_threshold = draw(st.sampled_from([-10, 0, 3, 20, 21])), abs(draw(numbers))
            point.positive.offset = draw(st.sampled_from([0, -5, 2**31 - 1, -(2**31)]))
            point.positive.bucket_counts.extend(told)
            point.negative.bucket_counts.extend(draw(st.sampled_from([[], [0], [1]])))
    return request


@settings(deadline=None)
@given(metrics_requests())
def test_metrics(request: ExportMetricsServiceRequest) -> None:
    form = bodies(request)
    assert repr(decode_metrics(form[False], json=False)) == repr(decode_metrics(form[True], json=True))


def traces_of(span: dict[str, Any], resource: Any = None) -> Any:
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    return decode_traces(json.dumps(body).encode(), json=True)


SPAN = {
    "traceId": "5B8EFFF798038103D269B633813FC60C",
    "kind": 2,
    "startTimeUnixNano": str(NOON),
    "endTimeUnixNano": str(NOON + SECOND),
    "attributes": [
        {"key": "http.request.method", "value": {"stringValue": "GET"}},
        {"key": "url.path", "value": {"stringValue": "/a"}},
        {"key": "http.response.status_code", "value": {"intValue": "200"}},
    ],
}


@pytest.mark.parametrize("changes", [
    {}, {"kind": "SPAN_KIND_SERVER"}, {"kind": 2.0}, {"startTimeUnixNano": NOON}, {"traceState": None},
    {"status": None}, {"status": {"code": None}}, {"status": {"code": "STATUS_CODE_OK"}}, {"unknown": {"a": [1]}},
    {"attributes": [*SPAN["attributes"], {"key": "http.route"}, {"value": {"stringValue": "x"}}, {}]},
    {"attributes": [*SPAN["attributes"], {"key": None, "value": None}, {"key": "http.route", "value": {}}]},
    {"attributes": [*SPAN["attributes"][:2], {"key": "http.status_code", "value": {"intValue": 200}}]},
    {"traceId": "5b8efff798038103d269b633813fc60c"},
])  # fmt: skip
def test_what_json_may_look_like(changes: dict[str, Any]) -> None:
    (hit,) = traces_of(SPAN | changes).hits
    assert (hit.method, hit.path, hit.status, hit.duration) == ("GET", "/a", 200, 1.0)
    assert hit.trace_id == "5b8efff798038103d269b633813fc60c"


@pytest.mark.parametrize(
    "trace_id", [None, "", "0" * 32, "xyz", "5b8e", " " * 32, "5b8efff798038103d269b633813fc60cff"]
)
def test_trace_ids_that_are_none(trace_id: str | None) -> None:
    (hit,) = traces_of(SPAN | {"traceId": trace_id}).hits
    assert hit.trace_id == ""


def test_a_status_by_its_name() -> None:
    pairs = SPAN["attributes"][:2]
    assert traces_of(SPAN | {"attributes": pairs, "status": {"code": "STATUS_CODE_ERROR"}}).hits[0].status == 500
    assert traces_of(SPAN | {"kind": "SPAN_KIND_CLIENT"}).other == 1


def test_names_of_the_protobuf_form_are_unknown_ones() -> None:
    assert traces_of(SPAN | {"startTimeUnixNano": None, "start_time_unix_nano": "1"}).hits[0].duration is None


@pytest.mark.parametrize("value", [
    {"stringValue": 5}, {"intValue": "x"}, {"intValue": 1.5}, {"intValue": 2**63}, {"intValue": "9" * 5000},
    {"doubleValue": "x"}, {"boolValue": 5}, {"arrayValue": []}, {"bytesValue": "*"}, {"kvlistValue": {"values": {}}},
])  # fmt: skip
def test_values_that_are_none(value: dict[str, Any]) -> None:
    with pytest.raises(OtlpError):
        traces_of(SPAN, {"attributes": [{"key": "enduser.id", "value": value}]})


def test_metrics_in_json() -> None:
    told = """{"resourceMetrics": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]},
        "scopeMetrics": [{"scope": {"name": "x", "version": null}, "metrics": [{"name": "http.server.request.duration",
        "unit": "s", "histogram": {"aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA", "dataPoints": [{
            "attributes": [{"key": "http.request.method", "value": {"stringValue": "GET"}},
                {"key": "http.route", "value": {"stringValue": "/a"}},
                {"key": "http.response.status_code", "value": {"intValue": 200}}],
            "startTimeUnixNano": "1763035200000000000", "timeUnixNano": 1763035260000000000,
            "count": "3", "sum": "1.5", "bucketCounts": ["1", 2], "explicitBounds": [1], "exemplars": [{}]}]}},
        {"name": "x", "gauge": {"dataPoints": [{}, {"asInt": "1"}]}}]}]}]}"""
    metrics = decode_metrics(told.encode(), json=True)
    (point,) = metrics.points
    assert (point.service, point.count, point.sum, point.time) == ("s", 3, 1.5, 1_763_035_260 * SECOND)
    assert (point.buckets.ranges(), metrics.other) == ([(0.0, 1.0, 1), (1.0, float("inf"), 2)], 2)


@pytest.mark.parametrize(("body", "form"), [(b"", False), (b"{}", True), (b'{"resourceMetrics":null}', True)])
def test_no_metrics(body: bytes, form: bool) -> None:
    assert decode_metrics(body, json=form) == Metrics()


@pytest.mark.parametrize(("body", "form"), [(b"\xff", False), (b"", True), (b'{"resourceMetrics":[1]}', True)])
def test_metrics_that_cannot_be_read(body: bytes, form: bool) -> None:
    with pytest.raises(OtlpError):
        decode_metrics(body, json=form)
