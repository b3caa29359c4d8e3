from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from accounts.models import Project


class EndpointStatsConfig(AppConfig):
    name = "endpoint_stats"
    verbose_name = "Endpoint statistics"

    def ready(self) -> None:
        from accounts import registry

        from . import checks, dismissals  # noqa: F401  (checks registers the system checks)
        from .query import functions  # noqa: F401  (adds to each connection what SQLite lacks)
        from .workers import jobs  # noqa: F401  (registers what the scheduler runs)

        registry.register_purge("endpoint_stats", _purge)
        registry.register_export("dismissed", dismissals.export)
        registry.register_settings_page(registry.SettingsPage("Ingest", "ingest-settings", registry.Right.EDIT))
        registry.register_settings_page(registry.SettingsPage("Sharing", "sharing", registry.Right.EDIT))


def _purge(project: "Project") -> None:
    from .store.purge import purge

    purge(project.pk)
