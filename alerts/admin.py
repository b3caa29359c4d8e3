"""Alerts in the admin: looked at, and changed only in the pages of their project, whose services say what may be."""

from django.contrib import admin

from accounts.admin.base import ReadOnly

from .models import (
    Alert,
    Attempt,
    Channel,
    Delivery,
    Deployment,
    Evaluation,
    Incident,
    IncidentEvent,
    Inhibition,
    Maintenance,
    News,
    Objective,
    Policy,
    Rule,
    Silence,
)


class Listed(ReadOnly):
    """By project, the newest first."""

    list_filter = ["project"]
    list_select_related = ["project"]
    ordering = ("-pk",)


@admin.register(Rule)
class RuleAdmin(Listed):
    list_display = ("name", "project", "kind", "metric", "severity", "enabled", "problem")
    list_filter = ["kind", "severity", "enabled", "project"]
    search_fields = ("name",)


@admin.register(Objective)
class ObjectiveAdmin(Listed):
    list_display = ("name", "project", "target", "days")


@admin.register(Alert)
class AlertAdmin(Listed):
    list_display = ("rule", "project", "state", "labels", "incident")
    list_filter = ["state", "project"]
    list_select_related = ["project", "rule", "incident"]


@admin.register(Evaluation)
class EvaluationAdmin(Listed):
    list_display = ("project", "up_to", "finished", "seconds", "failing_since", "error")


@admin.register(Incident)
class IncidentAdmin(Listed):
    list_display = ("title", "project", "severity", "origin", "started", "ended", "acknowledged", "notified", "held")
    list_filter = ["severity", "origin", "project"]
    search_fields = ("title",)


@admin.register(IncidentEvent)
class IncidentEventAdmin(Listed):
    list_display = ("kind", "incident", "project", "at", "by", "text")
    list_filter = ["kind", "project"]
    list_select_related = ["project", "incident", "by"]


@admin.register(Channel)
class ChannelAdmin(Listed):
    list_display = ("name", "project", "kind", "enabled", "failing_since", "last_error")
    list_filter = ["kind", "enabled", "project"]
    # What is entered of a channel may be a secret address, wherever it stands.
    exclude = ("config", "secrets")


@admin.register(Delivery)
class DeliveryAdmin(Listed):
    list_display = ("message", "project", "channel", "step", "state", "attempts", "created", "due", "finished")
    list_filter = ["state", "message", "project"]
    list_select_related = ["project", "channel"]


@admin.register(Attempt)
class AttemptAdmin(Listed):
    list_display = ("at", "project", "channel", "ok", "status", "seconds", "answer")
    list_filter = ["ok", "project"]
    list_select_related = ["project", "channel"]


@admin.register(Policy)
class PolicyAdmin(Listed):
    list_display = ("name", "project", "default", "repeat_minutes")


@admin.register(Silence)
class SilenceAdmin(Listed):
    list_display = ("comment", "project", "starts", "expires", "created_by")


@admin.register(Maintenance)
class MaintenanceAdmin(Listed):
    list_display = ("name", "project", "schedule", "minutes", "zone", "enabled")


@admin.register(Inhibition)
class InhibitionAdmin(Listed):
    list_display = ("name", "project", "enabled")


@admin.register(News)
class NewsAdmin(Listed):
    list_display = ("title", "project", "kind", "at")
    list_filter = ["kind", "project"]


@admin.register(Deployment)
class DeploymentAdmin(Listed):
    list_display = ("version", "service", "project", "at", "source", "judged")
    list_filter = ["source", "project"]
