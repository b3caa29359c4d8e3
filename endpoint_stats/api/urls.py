from django.urls import path

from .health import live, ready, stats
from .stats import StatsView

urlpatterns = [
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
    path("stats", stats, name="stats"),
    path("api/v1/projects/<str:slug>/stats", StatsView.as_view(), name="api-stats"),
]
