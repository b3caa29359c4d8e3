"""What live sources leave besides counts."""

from django.db import models

from endpoint_stats.ids import uuid7

from .common import project_field


class Heard(models.Model):
    """In which minutes of an hour something arrived or was counted: what coverage knows of live sources."""

    pk = models.CompositePrimaryKey("project_id", "hour")
    project = project_field()
    hour = models.IntegerField(help_text="Minute at which the hour begins.")
    minutes = models.BigIntegerField(help_text="A bit a minute, the first one lowest.")


class Sample(models.Model):
    """One request as an example: among the slowest, or failing, of its endpoint and minute."""

    pk = models.CompositePrimaryKey("project_id", "time", "endpoint", "id")
    project = project_field()
    time = models.IntegerField()
    endpoint = models.BigIntegerField()
    id = models.UUIDField(default=uuid7)
    second = models.SmallIntegerField(help_text="Within the minute.")
    failing = models.BooleanField(help_text="Kept for its status; else for its duration.")
    status = models.SmallIntegerField()
    duration_us = models.BigIntegerField(null=True)
    path = models.CharField(max_length=500, blank=True)
    consumer = models.CharField(max_length=200, blank=True)
    version = models.CharField(max_length=200, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    client_address = models.CharField(max_length=45, blank=True, help_text="Without its last part.")


class Stream(models.Model):
    """Where a cumulative series of OpenTelemetry metrics stood when it was last counted."""

    pk = models.CompositePrimaryKey("project_id", "id")
    project = project_field()
    id = models.UUIDField(help_text="Digest of what identifies the series.")
    state = models.BinaryField()
    seen = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=("project", "seen"), name="endpoint_stats_stream_seen"),)
