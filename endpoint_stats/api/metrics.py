"""GET /api/v1/projects/{slug}/metrics: a project's numbers for Prometheus.

Counters count since the first hit that days are kept of. Buckets end where the sketch's do, so each count is exact
and not interpolated; a rollback looks like a counter that was reset.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry
from rest_framework.request import Request
from rest_framework.response import Response

from endpoint_stats.aggregate.sketch import BANDS
from endpoint_stats.query.runner import reading
from endpoint_stats.query.spec import EARLIEST, Query

from . import schema
from .base import ProjectView
from .renderers import PrometheusRenderer

LABELS = ("service", "method", "route")
EVERY = 2  # bands a bucket: each is twice the one before


class ProjectCollector(Collector):
    """The families of one project. ``by_status`` and ``by_endpoint`` are rows of results."""

    def __init__(self, by_status: list[dict[str, Any]], by_endpoint: list[dict[str, Any]]) -> None:
        self.by_status, self.by_endpoint = by_status, by_endpoint

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "endpoint_stats_http_requests", "Requests by endpoint and status.", labels=(*LABELS, "status")
        )
        for row in self.by_status:
            requests.add_metric([*_labels(row), str(row["status"])], row["requests"])
        yield requests
        durations = HistogramMetricFamily(
            "endpoint_stats_http_request_duration_seconds", "Durations by endpoint.", labels=LABELS
        )
        sent = CounterMetricFamily("endpoint_stats_http_response_bytes", "Bytes sent by endpoint.", labels=LABELS)
        for row in self.by_endpoint:
            durations.add_metric(_labels(row), _buckets(row["histogram"]), row["duration"])
            sent.add_metric(_labels(row), row["response_bytes"])
        yield durations
        yield sent


def _labels(row: dict[str, Any]) -> list[str]:
    return [row[name] for name in LABELS]


def _buckets(counts: list[int]) -> list[tuple[str, float]]:
    """Cumulative counts by upper edge, the last one for all."""
    found: list[tuple[str, float]] = []
    for last in range(0, len(BANDS), EVERY):
        found.append((repr(BANDS[last]), float(sum(counts[: last + 1]))))
    return [*found, ("+Inf", float(sum(counts)))]


def exposition(project_id: int, now: Any) -> bytes:
    """The text format 0.0.4, all hits up to ``now``."""
    end = now.replace(second=0, microsecond=0) + timedelta(minutes=11)  # clocks that run ahead are accepted so far
    whole = Query(project_id, EARLIEST, end, ("requests",), ("endpoint", "status"))
    timed = Query(project_id, EARLIEST, end, ("requests", "duration", "response_bytes", "histogram"), ("endpoint",))
    with reading(project_id) as store:
        by_status, by_endpoint = store.run([whole, timed], now)
    registry = CollectorRegistry()
    registry.register(ProjectCollector(by_status.rows, by_endpoint.rows))
    return generate_latest(registry)


class MetricsView(ProjectView):
    """The same numbers for Prometheus."""

    renderer_classes = (PrometheusRenderer,)

    @extend_schema(operation_id="metrics", responses=schema.prometheus())
    def get(self, request: Request, slug: str) -> Response:
        project = self.project(request, slug)
        return Response(exposition(project.pk, timezone.now()), content_type=CONTENT_TYPE_PLAIN_0_0_4)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Prometheus names its formats in order of its liking; this one is always among them."""
        return PrometheusRenderer(), CONTENT_TYPE_PLAIN_0_0_4
