"""Staff's view of the core. Numbers are looked at here, never edited: only settings and patterns change."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from .models import (
    Batch,
    Beat,
    CountingSource,
    Endpoint,
    JobRun,
    ProjectSettings,
    Release,
    RoutePattern,
    StoreState,
)


class ReadOnly(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


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


@admin.register(ProjectSettings)
class ProjectSettingsAdmin(admin.ModelAdmin):
    list_display = ("project", "endpoint_cap", "minute_days", "hour_days", "day_days")
    search_fields = ("project__slug",)
    list_select_related = ("project",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # they leave with their project


@admin.register(RoutePattern)
class RoutePatternAdmin(admin.ModelAdmin):
    list_display = ("pattern", "method", "service", "project")
    list_filter = ("project",)
    search_fields = ("pattern",)
    list_select_related = ("project",)


@admin.register(CountingSource)
class CountingSourceAdmin(admin.ModelAdmin):
    """Which way counts for a service; processes that serve follow within seconds."""

    list_display = ("service", "source", "project", "since")
    list_filter = ("source", "project")
    search_fields = ("service", "project__slug")
    list_select_related = ("project",)


@admin.register(StoreState)
class StoreStateAdmin(ReadOnly):
    list_display = ("project", "revision", "oldest", "newest", "minute_floor", "hour_floor", "day_floor")
    list_select_related = ("project",)


@admin.register(Beat)
class BeatAdmin(ReadOnly):
    list_display = ("name", "asked", "answered", "host", "pid")


@admin.register(JobRun)
class JobRunAdmin(ReadOnly):
    list_display = ("name", "due")
