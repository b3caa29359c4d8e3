from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView

from endpoint_stats import __version__

from .endpoints import EndpointsView, EndpointView
from .health import live, metrics, ready, stats
from .ingest import hits, logs
from .keys import KeysView, KeyView
from .ledger import BatchesView, BatchView
from .metrics import MetricsView
from .otlp import metrics as otlp_metrics
from .otlp import traces as otlp_traces
from .projects import OneProjectView, ProjectsView
from .samples import SamplesView
from .stats import StatsView

SCHEMA = SpectacularJSONAPIView.as_view(custom_settings={"VERSION": __version__})
PROJECT = "api/v1/projects/<str:slug>"
urlpatterns = [
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
    path("stats", stats, name="stats"),
    path("metrics", metrics, name="metrics"),
    path("api/v1/ingest/hits", hits, name="ingest-hits"),
    path("api/v1/ingest/logs", logs, name="ingest-logs"),
    path("otlp/v1/traces", otlp_traces, name="otlp-traces"),
    path("otlp/v1/metrics", otlp_metrics, name="otlp-metrics"),
    path("api/v1/schema", SCHEMA, name="api-schema"),
    path("api/v1/projects", ProjectsView.as_view(), name="api-projects"),
    path(PROJECT, OneProjectView.as_view(), name="api-project"),
    path(f"{PROJECT}/keys", KeysView.as_view(), name="api-keys"),
    path(f"{PROJECT}/keys/<slug:prefix>", KeyView.as_view(), name="api-key"),
    path(f"{PROJECT}/stats", StatsView.as_view(), name="api-stats"),
    path(f"{PROJECT}/endpoints", EndpointsView.as_view(), name="api-endpoints"),
    path(f"{PROJECT}/endpoints/<uuid:id>", EndpointView.as_view(), name="api-endpoint"),
    path(f"{PROJECT}/samples", SamplesView.as_view(), name="api-samples"),
    path(f"{PROJECT}/batches", BatchesView.as_view(), name="api-batches"),
    path(f"{PROJECT}/batches/<uuid:id>", BatchView.as_view(), name="api-batch"),
    path(f"{PROJECT}/metrics", MetricsView.as_view(), name="api-metrics"),
]
