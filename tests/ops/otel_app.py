"""An instrumented application: real OpenTelemetry SDK, traces and metrics both on, sending by OTLP/HTTP.

    python otel_app.py django|flask|fastapi REQUESTS

Requests come in within this process, through the framework's own entry. The last line is JSON: what was asked, counted
here (route and status -> number), and the durations of the spans (traces) and as given to the histograms (metrics), in
nanoseconds.
"""

import asyncio
import collections
import json
import logging
import sys

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics._internal import instrument
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

KIND, REQUESTS = sys.argv[1], int(sys.argv[2])
PATHS = [("/orders/{}", "/orders", 200), ("/items/{}/edit", "/items", 200), ("/broken/{}", "/broken", 500)]


class Durations(SpanProcessor):
    def __init__(self):
        self.listed = []

    def on_end(self, span):
        if span.kind == trace.SpanKind.SERVER:
            self.listed.append(span.end_time - span.start_time)


class Recorded:
    """What the instrumentation hands to the SDK's histograms of durations, as it is, in nanoseconds."""

    UNITS = {"http.server.request.duration": 1e9, "http.server.duration": 1e6}

    def __init__(self):
        self.listed, self.record = [], instrument._Histogram.record

    def __call__(self, histogram, amount, *arguments, **keywords):
        if histogram.name in self.UNITS:
            self.listed.append(amount * self.UNITS[histogram.name])
        return self.record(histogram, amount, *arguments, **keywords)


recorded = Recorded()
instrument._Histogram.record = lambda histogram, *given, **named: recorded(histogram, *given, **named)
durations = Durations()
resource = Resource.create({"service.name": KIND, "service.version": "1.2"})
tracers = TracerProvider(resource=resource)
tracers.add_span_processor(durations)
tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=100_000, schedule_delay_millis=200))
trace.set_tracer_provider(tracers)
meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=500)], resource)
metrics.set_meter_provider(meters)


def with_flask():
    from flask import Flask
    from opentelemetry.instrumentation.flask import FlaskInstrumentor

    app = Flask("otel_app")
    FlaskInstrumentor().instrument_app(app)
    app.add_url_rule("/orders/<int:id>", "orders", lambda id: "ok")
    app.add_url_rule("/items/<int:id>/edit", "items", lambda id: "ok")
    app.add_url_rule("/broken/<int:id>", "broken", lambda id: ("no", 500))
    client = app.test_client()
    return lambda path: client.get(path).status_code


def with_django():
    import django
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import path
    from opentelemetry.instrumentation.django import DjangoInstrumentor

    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", MIDDLEWARE=[], LOGGING_CONFIG=None)
    DjangoInstrumentor().instrument()
    django.setup()
    globals()["urlpatterns"] = [
        path("orders/<int:id>", lambda request, id: HttpResponse("ok")),
        path("items/<int:id>/edit", lambda request, id: HttpResponse("ok")),
        path("broken/<int:id>", lambda request, id: HttpResponse("no", status=500)),
    ]
    from django.test import Client

    client = Client()
    return lambda path: client.get(path).status_code


def with_fastapi():
    from fastapi import FastAPI, Response
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    app = FastAPI()

    @app.get("/orders/{id}")
    async def orders(id: int):
        return "ok"

    @app.get("/items/{id}/edit")
    async def items(id: int):
        return "ok"

    @app.get("/broken/{id}")
    async def broken(id: int):
        return Response("no", status_code=500)

    FastAPIInstrumentor.instrument_app(app)
    loop = asyncio.new_event_loop()

    async def ask(path):
        status = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            if message["type"] == "http.response.start":
                status.append(message["status"])

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [(b"host", b"x")],
            "client": ("127.0.0.1", 5), "server": ("x", 80),
        }  # fmt: skip
        await app(scope, receive, send)
        return status[0]

    return lambda path: loop.run_until_complete(ask(path))


logging.getLogger("django.request").setLevel(logging.CRITICAL)
ask = {"flask": with_flask, "django": with_django, "fastapi": with_fastapi}[KIND]()
counts = collections.Counter()
for number in range(REQUESTS):
    template, name, expected = PATHS[(number * 7) % 10 % 3]
    status = ask(template.format(number))
    assert status == expected, (template, status)
    counts[f"{name} {status}"] += 1
tracers.shutdown()
meters.shutdown()
print(json.dumps({"counts": counts, "traces": durations.listed, "metrics": recorded.listed}))
