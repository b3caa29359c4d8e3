from datetime import timedelta

from django.apps import AppConfig

TASKS = "alerts.tasks"


class AlertsConfig(AppConfig):
    name = "alerts"
    verbose_name = "Alerts and news"

    def ready(self) -> None:
        from accounts.registry import SettingsPage, register_settings_page
        from accounts.roles import Right
        from endpoint_stats.workers import doctor
        from endpoint_stats.workers.jobs import Job, register

        from . import signs

        evaluate, dispatch, deliver = (
            (f"{TASKS}.evaluate_project", f"{TASKS}.projects_to_evaluate"),
            (f"{TASKS}.dispatch_project", f"{TASKS}.projects_to_dispatch"),
            (f"{TASKS}.deliver_one", f"{TASKS}.deliveries_due"),
        )
        register(Job("evaluate", timedelta(seconds=5), *evaluate))
        register(Job("dispatch", timedelta(seconds=5), *dispatch))
        register(Job("deliver", timedelta(seconds=2), *deliver))
        register(Job("heartbeat", timedelta(minutes=1), f"{TASKS}.ping"))
        doctor.register(signs.NAME, signs.findings)
        register(Job("forget_channels", timedelta(hours=1), f"{TASKS}.forget_channels"))

        register_settings_page(SettingsPage("Channels", "channels", Right.EDIT))
        register_settings_page(SettingsPage("Who is told", "policies", Right.EDIT))
        register_settings_page(SettingsPage("Quiet", "silences", Right.EDIT))
        _add_to_pages()


def _add_to_pages() -> None:
    from endpoint_stats.pages import registry

    from .pages import added
    from .services.marks import marks

    registry.register_marks("alerts", marks)
    registry.register_panel("alerts", added.panel)
    registry.register_banner("alerts", added.banner)
    registry.register_page(registry.Page("Incidents", "incidents", added.open_ones, "open"))
    registry.register_page(registry.Page("Rules", "rules"))
