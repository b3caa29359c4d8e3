"""Bodies made by OpenTelemetry's own SDK, exporter and instrumentations: what they send is what was served."""

import asyncio
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from flask import Flask
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.instrumentation._semconv import _OpenTelemetrySemanticConventionStability as Conventions
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import (
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import Status, StatusCode

from bench.otlp_bodies import to_json
from endpoint_stats.aggregate.sketch import quantiles
from endpoint_stats.ingest.otlp.histograms import Increase, increase
from endpoint_stats.ingest.otlp.metrics import Metrics, decode_metrics
from endpoint_stats.ingest.otlp.traces import Traces, decode_traces

from .messages import NAME, POINT

RESOURCE = Resource({"service.name": "shop", "service.version": "1.2.3"})
JSON = pytest.mark.parametrize("json", [False, True], ids=["protobuf", "json"])
ALPHA = 0.01


class Telemetry:
    """An SDK that keeps what it would export."""

    def __init__(self, temporality: AggregationTemporality = AggregationTemporality.DELTA, aggregation: Any = None):
        self._spans = InMemorySpanExporter()
        self.tracers = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self._reader = InMemoryMetricReader(
            preferred_temporality={Histogram: temporality},
            preferred_aggregation={Histogram: aggregation} if aggregation else None,
        )
        self.meters = MeterProvider([self._reader], resource=RESOURCE, shutdown_on_exit=False)

    def traces(self, json: bool = False) -> Traces:
        request = encode_spans(self._spans.get_finished_spans())
        return decode_traces(to_json(request) if json else request.SerializeToString(), json=json)

    def metrics(self, json: bool = False) -> Metrics:
        data = self._reader.get_metrics_data()
        assert data is not None
        request = encode_metrics(data)
        return decode_metrics(to_json(request) if json else request.SerializeToString(), json=json)


@JSON
def test_spans_of_the_sdk(json: bool) -> None:
    told = Telemetry()
    tracer = told.tracers.get_tracer("test")
    start = 1_763_035_200 * 10**9
    span = tracer.start_span("GET /a", kind=SpanKind.SERVER, start_time=start)
    span.set_attributes({"http.request.method": "GET", "url.path": "/a", "http.response.status_code": 204})
    span.set_attributes({"http.request.header.x-tenant": ["ada"], "enduser.id": "ada"})
    span.add_event("an event", {"http.route": "of the event"})
    span.end(start + 1_500_000_000)
    failed = tracer.start_span("POST", kind=SpanKind.SERVER, start_time=start)
    failed.set_attributes({"http.method": "POST", "http.target": "/b?c"})
    failed.set_status(Status(StatusCode.ERROR, "no"))
    failed.end(start + 1)
    tracer.start_span("inside").end()
    traces = told.traces(json)
    assert (traces.rejected, traces.weights, traces.other) == ([], None, 1)
    first, second = traces.hits
    assert (first.time, first.duration, first.status, first.path) == (1_763_035_201, 1.5, 204, "/a")
    assert (first.service, first.version, first.consumer) == ("shop", "1.2.3", "ada")
    assert first.trace_id == format(span.get_span_context().trace_id, "032x")
    assert (second.method, second.path, second.status) == ("POST", "/b", 500)


@pytest.fixture(params=["", "http", "http/dup"], ids=["old", "stable", "both"])
def conventions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The SDKs' switch between the conventions. It is read once in a process, so it is set back here."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", request.param)
    monkeypatch.setattr(Conventions, "_initialized", False)
    yield request.param
    Conventions._initialized = False


SERVED = [
    ("GET", "/orders/7", 200),
    ("GET", "/orders/8?page=2", 200),
    ("POST", "/orders/9", 405),
    ("GET", "/none", 404),
]


def serve_flask(told: Telemetry) -> None:
    app = Flask("shop")

    @app.get("/orders/<int:number>")
    def order(number: int) -> str:
        return str(number)

    FlaskInstrumentor.instrument_app(app, tracer_provider=told.tracers, meter_provider=told.meters)
    client = app.test_client()
    for method, path, status in SERVED:
        assert client.open(path, method=method).status_code == status


def serve_fastapi(told: Telemetry) -> None:
    app = FastAPI()

    @app.get("/orders/{number}")
    async def order(number: int) -> int:
        return number

    FastAPIInstrumentor.instrument_app(app, tracer_provider=told.tracers, meter_provider=told.meters)
    for method, path, status in SERVED:
        assert asyncio.run(call(app, method, path)) == status


async def call(app: Any, method: str, target: str) -> int:
    """One request as a server of ASGI would make it; its status."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", b"shop.example.org"), (b"user-agent", b"curl/8")],
        "client": ("192.0.2.1", 5_000), "server": ("shop.example.org", 80),
    }  # fmt: skip
    statuses = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    (status,) = statuses
    return int(status)


APPLICATIONS = [(serve_flask, "/orders/<int:number>"), (serve_fastapi, "/orders/{number}")]


@JSON
@pytest.mark.parametrize(("serve", "route"), APPLICATIONS, ids=["flask", "fastapi"])
def test_instrumented_applications(
    json: bool, conventions: str, serve: Callable[[Telemetry], None], route: str
) -> None:
    told = Telemetry()
    serve(told)
    traces = told.traces(json)
    assert traces.rejected == []
    assert [(hit.method, hit.path, hit.status) for hit in traces.hits] == [
        (method, target.partition("?")[0], status) for method, target, status in SERVED
    ]
    assert [hit.route for hit in traces.hits[:2]] == [route, route]
    assert traces.hits[3].route is None
    assert all(hit.duration is not None and 0 < hit.duration < 60 for hit in traces.hits)
    assert {(hit.service, hit.version) for hit in traces.hits} == {("shop", "1.2.3")}
    metrics = told.metrics(json)
    assert metrics.rejected == []
    found = {point.status: point for point in metrics.points}
    assert {status: point.count for status, point in found.items()} == {200: 2, 404: 1, 405: 1}
    assert found[404].route == "{unmatched}"
    # Under the old conventions the route is told as the target.
    assert (found[200].path, found[200].route) == ((route, "") if conventions == "" else ("", route))


def recorded(told: Telemetry, durations: list[float]) -> None:
    histogram = told.meters.get_meter("test").create_histogram(NAME, unit="s")
    for duration in durations:
        histogram.record(duration, POINT)


def durations_of(seed: int, count: int) -> list[float]:
    rng = random.Random(seed)
    return [rng.lognormvariate(-3, 1) for _ in range(count)]


def worst(found: Increase, durations: list[float]) -> float:
    """The largest relative error of a nearest-rank quantile."""
    ordered = sorted(durations)
    slots, counts = (np.array(column, np.int64) for column in zip(*found.slots, strict=True))
    ranks = range(1, len(ordered) + 1)
    told = quantiles(slots, counts, tuple(round(rank / len(ordered), 6) for rank in ranks))
    true = [ordered[max(0, math.ceil(round(rank / len(ordered), 6) * len(ordered) - 1e-9) - 1)] for rank in ranks]
    return max(abs((one or 0.0) - x) / x for one, x in zip(told, true, strict=True))


AGGREGATIONS = [
    ExplicitBucketHistogramAggregation((0.01, 0.02, 0.05, 0.1, 0.2, 0.5)),
    ExponentialBucketHistogramAggregation(),
    ExponentialBucketHistogramAggregation(max_size=20),
]


@JSON
@pytest.mark.parametrize("aggregation", AGGREGATIONS, ids=["explicit", "exponential", "coarse"])
def test_quantiles_of_the_sdks_histograms(json: bool, aggregation: Any) -> None:
    told = Telemetry(aggregation=aggregation)
    for seed in range(5):
        durations = durations_of(seed, 400)
        recorded(told, durations)
        (point,) = told.metrics(json).points
        assert point.cumulative is False
        found, state = increase(None, point)
        assert state is None
        assert found.count == sum(count for _, count in found.slots) == 400
        assert found.duration_us == pytest.approx(sum(durations) * 1e6, abs=1)
        assert found.error_extra < 10_000
        assert worst(found, durations) <= ALPHA + found.error_extra / 10_000 + 1e-9


@pytest.mark.parametrize("aggregation", AGGREGATIONS, ids=["explicit", "exponential", "coarse"])
def test_cumulative_streams_of_the_sdk(aggregation: Any) -> None:
    """Exponential ones lower their scale as durations spread, so that differences meet every step of it."""
    told = Telemetry(AggregationTemporality.CUMULATIVE, aggregation)
    state: bytes | None = None
    rng = random.Random(5)
    for step in range(1, 30):
        durations = [rng.lognormvariate(-3, step / 15) for _ in range(40)]
        recorded(told, durations)
        (point,) = told.metrics().points
        assert point.cumulative
        assert point.count == 40 * step
        found, state = increase(state, point)
        assert found.count == sum(count for _, count in found.slots) == 40
        assert found.duration_us == pytest.approx(sum(durations) * 1e6, abs=2)
        if found.error_extra < 10_000:
            assert worst(found, durations) <= ALPHA + found.error_extra / 10_000 + 1e-9


def test_a_restart_of_the_sdk() -> None:
    state: bytes | None = None
    counts = []
    for _ in range(3):
        told = Telemetry(AggregationTemporality.CUMULATIVE)
        for _ in range(2):
            recorded(told, [0.1, 0.2, 0.3])
            (point,) = told.metrics().points
            found, state = increase(state, point)
            counts.append(found.count)
    assert counts == [3] * 6
