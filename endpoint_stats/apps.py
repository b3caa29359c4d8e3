from django.apps import AppConfig


class EndpointStatsConfig(AppConfig):
    name = "endpoint_stats"
    verbose_name = "Endpoint statistics"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers the system checks)
        from .workers import jobs  # noqa: F401  (registers what the scheduler runs)
