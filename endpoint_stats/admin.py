"""Staff's view of the core. Numbers are looked at here, never edited: only settings and patterns change."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success

from accounts.admin.base import EVERYWHERE, ByServices, OfProject, ReadOnly, staff

from . import sharing
from .models import (
    Batch,
    Beat,
    Consumer,
    CountingSource,
    Endpoint,
    JobRun,
    ProjectSettings,
    Release,
    RoutePattern,
    SharedLink,
    StoreState,
    Upload,
)


@admin.register(Batch)
class BatchAdmin(ReadOnly):
    list_display = (
        "name",
        "project",
        "source",
        "key_prefix",
        "service",
        "state",
        "read",
        "stored",
        "duplicate",
        "refused",
        "started",
        "finished",
    )
    list_filter = ("source", "state", "project")
    search_fields = ("name", "id", "service", "key_prefix")
    date_hierarchy = "started"
    list_select_related = ("project",)

    @admin.display(description="rejected")
    def refused(self, batch: Batch) -> int:
        return sum(batch.rejected.values())


@admin.register(Endpoint)
class EndpointAdmin(ReadOnly):
    list_display = ("route", "method", "service", "project", "created")
    list_filter = ("project", "method")
    search_fields = ("route", "service")
    list_select_related = ("project",)


@admin.register(Release)
class ReleaseAdmin(ReadOnly):
    list_display = ("version", "service", "project", "created")
    list_filter = ("project",)
    search_fields = ("version", "service")
    list_select_related = ("project",)


@admin.register(Consumer)
class ConsumerAdmin(ReadOnly):
    list_display = ("name", "project", "created")
    list_filter = ("project",)
    search_fields = ("name",)
    list_select_related = ("project",)


@admin.register(ProjectSettings)
class ProjectSettingsAdmin(OfProject):
    list_display = ("project", "endpoint_cap", "minute_days", "hour_days", "day_days")
    search_fields = ("project__slug",)
    list_select_related = ("project",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # they leave with their project


@admin.register(RoutePattern)
class RoutePatternAdmin(OfProject):
    list_display = ("pattern", "method", "service", "project")
    list_filter = ("project",)
    search_fields = ("pattern",)
    list_select_related = ("project",)


@admin.register(CountingSource)
class CountingSourceAdmin(OfProject):
    """Which way counts for a service; processes that serve follow within seconds."""

    list_display = ("service", "source", "project", "since")
    list_filter = ("source", "project")
    search_fields = ("service", "project__slug")
    list_select_related = ("project",)


@admin.register(SharedLink)
class SharedLinkAdmin(ReadOnly, ByServices):
    """Links of projects, made on their pages. Of the token only the hash is kept, which is not shown either."""

    list_display = ("name", "kind", "project", "created_by", "created", "expires", "revoked", "last_used")
    fields = (*list_display, "filters", "metric", "days")
    list_filter = ("kind", "revoked", "expires", "project")
    search_fields = ("name", "project__slug")
    list_select_related = ("project", "created_by")
    date_hierarchy = "created"
    actions = ("revoke",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return not lookup.startswith("token_digest") and super().lookup_allowed(lookup, value, request)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request)

    @admin.action(description="Revoke", permissions=["revoke"], location=EVERYWHERE)
    def revoke(self, request: HttpRequest, queryset: QuerySet[SharedLink]) -> None:
        for link in queryset.select_related("project"):
            done = sharing.revoke(link, timezone.now(), by=staff(request), request=request)
            said = "is revoked. Its project can undo that for an hour." if done else "was revoked before."
            self.message_user(request, f"{link.name} {said}", messages.SUCCESS if done else messages.INFO)


@admin.register(StoreState)
class StoreStateAdmin(ReadOnly):
    list_display = ("project", "revision", "oldest", "newest", "minute_floor", "hour_floor", "day_floor")
    list_select_related = ("project",)


@admin.register(Upload)
class UploadAdmin(ReadOnly):
    """Logs that came by the page; ``preview`` is left out, since it holds lines of them."""

    list_display = (
        "name",
        "project",
        "origin",
        "state",
        "size",
        "service",
        "format",
        "attempts",
        "created",
        "heartbeat",
    )
    list_filter = ("state", "origin", "project")
    search_fields = ("name", "id", "project__slug")
    date_hierarchy = "created"
    list_select_related = ("project",)
    exclude = ("preview", "claim")


@admin.register(Beat)
class BeatAdmin(ReadOnly):
    list_display = ("name", "asked", "answered", "host", "pid")


@admin.register(JobRun)
class JobRunAdmin(ReadOnly):
    list_display = ("name", "due")


# The queue's own pages show what tasks were given, run tasks again, and let anybody with the right to add a schedule
# run any function. Schedules are not used here (workers/jobs.py), and no success is kept.
for _model in (Failure, OrmQ, Schedule, Success):
    admin.site.unregister(_model)


@admin.register(OrmQ)
class QueuedTaskAdmin(ReadOnly):
    """What waits for a worker, or is being worked on."""

    list_display = ("id", "func", "group", "lock")
    list_display_links = None
    fields = ("id", "func", "group", "lock")

    @admin.display(description="function")
    def func(self, task: OrmQ) -> str:
        return str(task.func() or "cannot be read: signed with another SECRET_KEY")

    @admin.display
    def group(self, task: OrmQ) -> str:
        return str(task.group() or "")


@admin.register(Failure)
class FailedTaskAdmin(ReadOnly):
    """Looked at, and deleted once the reason is mended. What was to be done is found and done again by itself."""

    list_display = ("func", "group", "started", "stopped", "attempt_count")
    list_filter = ("func", "stopped")
    search_fields = ("func", "group")
    date_hierarchy = "stopped"
    fields = ("func", "group", "started", "stopped", "attempt_count", "error")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Failure]:
        return super().get_queryset(request).defer("args", "kwargs")

    @admin.display
    def error(self, task: Failure) -> str:
        return str(task.result)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)
