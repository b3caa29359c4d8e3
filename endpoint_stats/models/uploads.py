"""Logs that came by the page, and the traffic of a demo, on their way into the store."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Project
from endpoint_stats.ids import uuid7


class Upload(models.Model):
    """One log: looked at, then imported by a worker. What was stored of it stands in the ledger (``batch``); this row
    says how far it got, and where its file lies until then: in the storage "uploads", named by the row's id."""

    class State(models.TextChoices):
        PREVIEWED = "previewed"
        QUEUED = "queued"
        IMPORTING = "importing"
        COMPLETE = "complete"
        FAILED = "failed"
        DISCARDED = "discarded"

    class Origin(models.TextChoices):
        FILE = "file"
        DEMO = "demo"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="uploads", db_constraint=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False
    )
    origin = models.CharField(max_length=8, choices=Origin, default=Origin.FILE, help_text="Demo: it has no file.")
    name = models.CharField(max_length=255, help_text="As the client called it, in one line.")
    service = models.CharField(max_length=200, blank=True)
    size = models.BigIntegerField(default=0, help_text="Bytes of the file as it was sent.")
    state = models.CharField(max_length=12, choices=State, default=State.PREVIEWED)
    format = models.CharField(max_length=2000, blank=True, help_text="A name, or a format string; empty: none fits.")
    preview = models.JSONField(default=dict, blank=True, help_text="Of its first lines; emptied when it has ended.")
    batch = models.UUIDField(null=True, help_text="Its line in the ledger; of several tries the last one.")
    progress = models.BigIntegerField(default=0, help_text="Bytes that were read of ``total``.")
    total = models.BigIntegerField(default=0, help_text="0: not known yet.")
    claim = models.UUIDField(null=True, help_text="Of the task that imports it now: another one may not.")
    attempts = models.IntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    created = models.DateTimeField(default=timezone.now)
    heartbeat = models.DateTimeField(default=timezone.now, help_text="When it last changed, or moved on.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("project", "id"), name="endpoint_stats_upload_id"),)
        indexes = (
            models.Index(fields=("project", "-created"), name="endpoint_stats_upload_recent"),
            models.Index(fields=("state", "heartbeat"), name="endpoint_stats_upload_due"),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"

    @property
    def moving(self) -> bool:
        """Whether a worker has it, or is to take it."""
        return self.state in (Upload.State.QUEUED, Upload.State.IMPORTING)

    @property
    def percent(self) -> int | None:
        return min(100 * self.progress // self.total, 100) if self.total else None
