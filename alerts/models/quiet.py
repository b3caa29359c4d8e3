"""When nobody is to be told, though it is wrong: sending is suppressed, never evaluation."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Project
from accounts.models.users import one_line
from endpoint_stats.ids import uuid7


class Silence(models.Model):
    """What it matches is not sent until it expires. ``matchers``: [name, operator, value] each, all must match."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="silences")
    matchers = models.JSONField(default=list)
    starts = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField()
    comment = models.CharField(max_length=500, validators=[one_line])
    created = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        indexes = (models.Index(fields=("project", "expires"), name="alerts_silence_of_project"),)

    def __str__(self) -> str:
        return self.comment


class Maintenance(models.Model):
    """A window that comes back: it opens by ``schedule`` (cron: minute hour day month weekday) in ``zone``."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="maintenance")
    name = models.CharField(max_length=100, validators=[one_line])
    matchers = models.JSONField(default=list, blank=True, help_text="Empty: all of the project.")
    schedule = models.CharField(max_length=100)
    minutes = models.PositiveIntegerField(help_text="How long it lasts.")
    zone = models.CharField(max_length=60, default="UTC")
    enabled = models.BooleanField(default=True)
    created = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name_plural = "maintenance windows"

    def __str__(self) -> str:
        return self.name


class Inhibition(models.Model):
    """While an incident that ``source`` matches is open, those that ``target`` matches are not sent, where both say
    the same of each name in ``equal``."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="inhibitions")
    name = models.CharField(max_length=100, validators=[one_line])
    source = models.JSONField(default=list)
    target = models.JSONField(default=list)
    equal = models.JSONField(default=list, blank=True)
    enabled = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name
