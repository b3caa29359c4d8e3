from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView

from endpoint_stats import __version__

from .endpoints import EndpointsView, EndpointView, SamplesView
from .health import live, metrics, ready, stats
from .metrics import MetricsView
from .stats import StatsView

SCHEMA = SpectacularJSONAPIView.as_view(custom_settings={"VERSION": __version__})
PROJECT = "api/v1/projects/<str:slug>"
urlpatterns = [
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
    path("stats", stats, name="stats"),
    path("metrics", metrics, name="metrics"),
    path("api/v1/schema", SCHEMA, name="api-schema"),
    path(f"{PROJECT}/stats", StatsView.as_view(), name="api-stats"),
    path(f"{PROJECT}/endpoints", EndpointsView.as_view(), name="api-endpoints"),
    path(f"{PROJECT}/endpoints/<uuid:id>", EndpointView.as_view(), name="api-endpoint"),
    path(f"{PROJECT}/samples", SamplesView.as_view(), name="api-samples"),
    path(f"{PROJECT}/metrics", MetricsView.as_view(), name="api-metrics"),
]
