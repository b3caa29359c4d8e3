from django.contrib import admin
from django.http import HttpRequest

from accounts.models import AuditEvent

from .base import ReadOnly


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly):
    """What was done, by whom. Nobody edits it; lines past ``AUDIT_DAYS`` go by themselves."""

    list_display = ("time", "actor_name", "action", "target", "project_slug", "network")
    list_filter = ("action", "time")
    search_fields = ("actor_name", "target", "project_slug", "network")
    search_help_text = "Who, what it was done to, the project, the network"
    date_hierarchy = "time"
    fields = ("time", "actor_name", "action", "target", "project_slug", "details", "network")

    def get_sortable_by(self, request: HttpRequest) -> tuple[str, ...]:
        return ("time",)
