"""The ledger, the identity of what was stored, and what waits to be counted."""

from django.db import models
from django.utils import timezone

from accounts.models import Project
from endpoint_stats.ids import uuid7

from .common import project_field


class SourceKind(models.TextChoices):
    """By which way hits come in."""

    IMPORT = "import"
    HITS = "hits"
    LOGS = "logs"
    TRACES = "traces"
    METRICS = "metrics"


class Batch(models.Model):
    """The ledger: what one import read, or what one key sent in one hour, and what became of all of it."""

    class State(models.TextChoices):
        RUNNING = "running"
        COMPLETE = "complete"
        FAILED = "failed"
        ROLLED_BACK = "rolled_back", "rolled back"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="batches", db_constraint=False)
    source = models.CharField(max_length=20, choices=SourceKind, default=SourceKind.IMPORT)
    key_prefix = models.CharField(max_length=8, blank=True, db_default="", help_text="Of the API key that sent it.")
    service = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=500, help_text="The file's name.")
    format = models.CharField(max_length=2000, blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.RUNNING)
    message = models.CharField(max_length=500, blank=True)
    read = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    duplicate = models.BigIntegerField(default=0)
    rejected = models.JSONField(default=dict, blank=True, help_text="Number of rejected lines by reason.")
    samples = models.JSONField(default=list, blank=True, help_text="A few rejected lines with their reasons.")
    first_hit = models.DateTimeField(null=True)
    last_hit = models.DateTimeField(null=True)
    started = models.DateTimeField(default=timezone.now)
    heartbeat = models.DateTimeField(default=timezone.now)
    finished = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("project", "id"), name="endpoint_stats_batch_id"),)
        indexes = (models.Index(fields=("project", "-started"), name="endpoint_stats_batch_recent"),)
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class Place(models.Model):
    """A stretch of a log that was stored: which stream, from where to where (docs/identity.md).

    ``stream`` and ``end_node`` are the first 64 bits of digests, as signed integers; ``marks`` the digests at
    places between, as packed by ``ingest/places.py``.
    """

    pk = models.CompositePrimaryKey("project_id", "id")
    project = project_field()
    id = models.UUIDField(default=uuid7)
    batch = models.UUIDField()
    service = models.CharField(max_length=200, blank=True)
    stream = models.BigIntegerField()
    start = models.BigIntegerField()
    end = models.BigIntegerField()
    end_node = models.BigIntegerField()
    lines = models.IntegerField()
    marks = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("project", "service", "stream", "start", "end", "end_node"), name="endpoint_stats_place_once"
            ),
        )
        indexes = (models.Index(fields=("project", "batch"), name="endpoint_stats_place_batch"),)


class Folded(models.Model):
    """What one commit of an import added, kept for 30 days so that the import can be rolled back."""

    pk = models.CompositePrimaryKey("project_id", "id")
    project = project_field()
    id = models.UUIDField(default=uuid7)
    batch = models.UUIDField()
    stored = models.BigIntegerField(help_text="Hits in the payload: a rollback is whole or not at all.")
    keys = models.IntegerField()
    payload = models.BinaryField()
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = (models.Index(fields=("project", "batch"), name="endpoint_stats_folded_batch"),)


class Journal(models.Model):
    """Folded hits that were committed and are not in the rollups yet. Appended and deleted, never updated."""

    pk = models.CompositePrimaryKey("project_id", "id")
    project = project_field()
    id = models.UUIDField(default=uuid7)
    sign = models.SmallIntegerField(default=1, help_text="−1 takes away what a rolled-back import added.")
    folded = models.UUIDField(null=True, help_text="The Folded row with the same payload, if there is one.")
    keys = models.IntegerField(help_text="Number of keys in the payload: what compacting it costs.")
    payload = models.BinaryField()
    receipts = models.BinaryField(null=True, help_text="Of what was sent by a key: the ledger's counts and samples.")


class Receipt(models.Model):
    """The identity of one request that was acknowledged, so that the same one again changes nothing.

    ``id`` is a digest of the API key and its Idempotency-Key, or of an OTLP body.
    """

    pk = models.CompositePrimaryKey("project_id", "id")
    project = project_field()
    id = models.UUIDField()
    body = models.UUIDField(help_text="Digest of the body: another one under the same key is refused.")
    batch = models.UUIDField()
    received = models.BigIntegerField()
    expires = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=("project", "expires"), name="endpoint_stats_receipt_expires"),)
