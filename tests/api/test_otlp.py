"""POST /otlp/v1/traces and /otlp/v1/metrics: bodies as the real SDK encodes them; answers as the specification says."""

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from accounts.keys import create_key
from accounts.models import ApiKey
from endpoint_stats.ingest.live import door as doors
from endpoint_stats.models import Endpoint, Sample, Stream
from endpoint_stats.store.compact import compact
from endpoint_stats.store.retention import prune
from tests.api.sent import counted, ledger

pytestmark = pytest.mark.django_db(databases=["default", "local"])

PROTOBUF, JSON = "application/x-protobuf", "application/json"
SECOND = 10**9


@pytest.fixture
def key(project: Any) -> Any:
    return create_key(project, "ingest", "tests")


@pytest.fixture
def send(key: Any) -> Any:
    def make(message: Any, what: str, *, secret: str = key[1], content_type: str = PROTOBUF, **headers: str) -> Any:
        body = message if isinstance(message, bytes) else message.SerializeToString()
        given = {"Authorization": f"Bearer {secret}"} | {name.replace("_", "-"): text for name, text in headers.items()}
        return Client().post(f"/otlp/v1/{what}", body, content_type=content_type, headers=given)

    return make


def pairs(values: dict[str, Any]) -> list[KeyValue]:
    made = []
    for name, value in values.items():
        any_value = AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)
        made.append(KeyValue(key=name, value=any_value))
    return made


def now_ns() -> int:
    return int(timezone.now().timestamp()) * SECOND


def spans(*statuses: int, service: str = "shop", kind: int = 2, **more: Any) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    of = request.resource_spans.add()
    of.resource.attributes.extend(pairs({"service.name": service, "service.version": "1.2"}))
    scope = of.scope_spans.add()
    for number, status in enumerate(statuses, start=1):
        span = scope.spans.add()
        span.kind, span.trace_id, span.span_id = kind, number.to_bytes(16, "big"), number.to_bytes(8, "big")
        span.end_time_unix_nano = now_ns()
        span.start_time_unix_nano = span.end_time_unix_nano - 20_000_000
        span.attributes.extend(pairs({
            "http.request.method": "GET", "http.route": "/orders/{id}", "url.path": f"/orders/{number}",
            "http.response.status_code": status, **more,
        }))  # fmt: skip
    return request


def histogram(count: int, *, start: int, at: int, service: str = "shop", cumulative: bool = True, **more: Any) -> Any:
    request = ExportMetricsServiceRequest()
    of = request.resource_metrics.add()
    of.resource.attributes.extend(pairs({"service.name": service}))
    metric = of.scope_metrics.add().metrics.add()
    metric.name, metric.unit = "http.server.request.duration", "s"
    metric.histogram.aggregation_temporality = 2 if cumulative else 1
    point = metric.histogram.data_points.add()
    point.start_time_unix_nano, point.time_unix_nano = start, at
    point.count, point.sum = count, count * 0.03
    point.explicit_bounds.extend([0.02, 0.04])
    point.bucket_counts.extend([0, count, 0])
    point.attributes.extend(pairs({
        "http.request.method": "GET", "http.route": "/orders/{id}", "http.response.status_code": 200, **more,
    }))  # fmt: skip
    return request


def partial(response: Any, kind: Any) -> Any:
    assert response.status_code == 200, response.content
    assert response["Content-Type"] == PROTOBUF
    return kind.FromString(response.content)


def test_spans(project: Any, send: Any) -> None:
    answer = partial(send(spans(200, 200, 500), "traces"), ExportTraceServiceResponse)
    assert not answer.HasField("partial_success")
    assert counted(project, "service", "route", "status") == {
        ("shop", "/orders/{id}", 200): 2, ("shop", "/orders/{id}", 500): 1,
    }  # fmt: skip
    compact(project.pk)
    assert set(Sample.objects.values_list("trace_id", flat=True)) == {f"{number:032x}" for number in (1, 2, 3)}


def test_the_same_bytes_again_change_nothing(project: Any, send: Any) -> None:
    body = spans(200, 200).SerializeToString()
    for _ in range(3):
        assert partial(send(body, "traces"), ExportTraceServiceResponse) == ExportTraceServiceResponse()
    assert send(gzip.compress(body), "traces", Content_Encoding="gzip").status_code == 200
    assert counted(project) == 2
    (row,) = ledger(project)
    assert (row.source, row.read, row.stored, row.duplicate) == ("traces", 8, 2, 6)


def test_partial_success(project: Any, send: Any) -> None:
    answer = partial(send(spans(200, 7, 500), "traces"), ExportTraceServiceResponse)
    assert answer.partial_success.rejected_spans == 1
    assert "status_invalid" in answer.partial_success.error_message
    assert counted(project) == 2
    (row,) = ledger(project)
    assert (row.rejected, row.samples[0]["index"]) == ({"status_invalid": 1}, 1)


def test_other_spans_are_accepted_and_left_aside(project: Any, send: Any) -> None:
    assert partial(send(spans(200, kind=3), "traces"), ExportTraceServiceResponse) == ExportTraceServiceResponse()
    assert counted(project) == 0


def test_a_sampled_trace_stands_for_several(project: Any, send: Any) -> None:
    request = spans(200, 500)
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.trace_state = "ot=th:c"  # one in four
    partial(send(request, "traces"), ExportTraceServiceResponse)
    assert counted(project, "status") == {(200,): 4, (500,): 4}
    (row,) = ledger(project)
    assert row.stored == 2


def test_json(project: Any, send: Any) -> None:
    end = now_ns()
    body = {"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{"spans": [{
            "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "kind": 2,
            "startTimeUnixNano": str(end - SECOND), "endTimeUnixNano": str(end),
            "attributes": [
                {"key": "http.method", "value": {"stringValue": "GET"}},
                {"key": "http.target", "value": {"stringValue": "/a/7?x=1"}},
                {"key": "http.status_code", "value": {"intValue": "200"}},
            ],
        }]}],
    }]}  # fmt: skip
    response = send(json.dumps(body).encode(), "traces", content_type=JSON)
    assert (response.status_code, response["Content-Type"], response.json()) == (200, JSON, {})
    assert counted(project, "route") == {("/a/{id}",): 1}


def status_of(response: Any) -> tuple[int, bool]:
    return response.status_code, b"." in response.content


@pytest.mark.parametrize("what", ["traces", "metrics"])
def test_what_cannot_be_taken(project: Any, send: Any, what: str, settings: Any, monkeypatch: Any) -> None:
    assert status_of(send(b"\xff\xff", what)) == (400, True)
    assert status_of(send(b"{", what, content_type=JSON)) == (400, True)
    refused = send(b"{}", what, secret="x", content_type=JSON)
    assert (refused.status_code, refused.json()["code"]) == (401, 16)
    assert send(b"", what, content_type="text/plain").status_code == 415
    assert Client().get(f"/otlp/v1/{what}").status_code == 405
    settings.INGEST_MAX_BYTES = 100
    assert send(b"x" * 101, what).status_code == 413

    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("away")

    for name in ("append", "append_points"):
        monkeypatch.setattr(doors, name, away)
    settings.INGEST_MAX_BYTES = 10_000
    message = spans(200) if what == "traces" else histogram(5, start=now_ns() - SECOND, at=now_ns())
    response = send(message, what)
    assert (response.status_code, response["Retry-After"]) == (503, "1")


def test_over_the_quota(project: Any, send: Any, key: Any) -> None:
    ApiKey.objects.update(hits_per_minute=2)
    assert send(spans(200, 200), "traces").status_code == 200
    response = send(spans(200, 500), "traces")
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0


def test_cumulative_metrics_and_a_restart(project: Any, send: Any) -> None:
    start = now_ns() - 100 * SECOND
    for at, count in ((20, 5), (40, 12), (40, 12), (60, 12)):
        message = histogram(count, start=start, at=start + at * SECOND)
        assert partial(send(message, "metrics"), ExportMetricsServiceResponse) == ExportMetricsServiceResponse()
    assert counted(project, "service", "route", "status") == {("shop", "/orders/{id}", 200): 12}
    partial(
        send(histogram(3, start=start + 70 * SECOND, at=start + 80 * SECOND), "metrics"), ExportMetricsServiceResponse
    )
    assert counted(project) == 15
    (row,) = ledger(project)
    assert (row.source, row.read, row.stored, row.duplicate) == ("metrics", 5, 4, 1)


def test_a_process_that_ran_for_days_is_no_spike(project: Any, send: Any) -> None:
    start = now_ns() - 3 * 86_400 * SECOND
    for at, count in ((0, 1_000_000), (10, 1_000_007)):
        send(histogram(count, start=start, at=now_ns() - (60 - at) * SECOND), "metrics")
    assert counted(project) == 7


def test_delta_metrics_are_added(project: Any, send: Any) -> None:
    for at in (0, 10, 20):
        send(histogram(4, start=now_ns() - 60 * SECOND, at=now_ns() - at * SECOND, cumulative=False), "metrics")
    assert counted(project) == 12
    assert not Stream.objects.exists()


def test_metrics_of_a_service_that_traces_count_for(project: Any, send: Any) -> None:
    send(spans(200), "traces")
    answer = partial(send(histogram(5, start=now_ns() - SECOND, at=now_ns()), "metrics"), ExportMetricsServiceResponse)
    assert answer == ExportMetricsServiceResponse()  # accepted, though it does not count
    assert counted(project) == 1
    assert {row.source: row.rejected for row in ledger(project)} == {"traces": {}, "metrics": {"samples_only": 1}}


def test_traces_give_samples_where_metrics_count(project: Any, send: Any) -> None:
    send(histogram(5, start=now_ns() - SECOND, at=now_ns()), "metrics")
    assert partial(send(spans(500, 200), "traces"), ExportTraceServiceResponse) == ExportTraceServiceResponse()
    assert counted(project) == 5
    assert set(Sample.objects.values_list("trace_id", flat=True)) == {f"{1:032x}", f"{2:032x}"}
    assert Endpoint.objects.count() == 1


def test_a_revoked_key_moves_no_stream(project: Any, send: Any) -> None:
    start = now_ns() - 10 * SECOND
    send(histogram(5, start=start, at=start + SECOND), "metrics")
    ApiKey.objects.update(revoked=True)
    assert send(histogram(9, start=start, at=start + 2 * SECOND), "metrics").status_code == 401
    ApiKey.objects.update(revoked=False)
    send(histogram(9, start=start, at=start + 2 * SECOND), "metrics")
    assert counted(project) == 9


def test_streams_are_forgotten_with_who_writes_them(project: Any, send: Any) -> None:
    send(histogram(5, start=now_ns() - SECOND, at=now_ns()), "metrics")
    assert Stream.objects.count() == 2
    prune(project.pk, timezone.now() + timedelta(days=1))
    assert Stream.objects.count() == 2
    Stream.objects.exclude(state=b"").update(seen=timezone.now() - timedelta(days=31))
    prune(project.pk, timezone.now())
    assert Stream.objects.count() == 0


@pytest.mark.parametrize(("age", "reason"), [(8 * 86_400, "time_too_old"), (-700, "time_future")])
def test_clocks(project: Any, send: Any, age: int, reason: str) -> None:
    at = now_ns() - age * SECOND
    answer = partial(send(histogram(5, start=at - SECOND, at=at), "metrics"), ExportMetricsServiceResponse)
    assert answer.partial_success.rejected_data_points == 1
    assert reason in answer.partial_success.error_message
    assert counted(project) == 0
