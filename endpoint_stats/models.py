"""The tables of the core.

*Volume tables* (journal, rollups, folded forms, places) have a composite primary key that begins with the
project, no foreign key that the database checks, and ids made by the application, so that they can be spread
over a cluster (docs/scaling.md). Times of buckets are whole minutes since 1970-01-01 UTC.
"""

from typing import ClassVar, NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.models import Project

from .aggregate.table import CONSUMER_KEYS, HIT_KEYS, TOTAL_KEYS
from .ids import uuid7
from .routes.rules import check_pattern

MAX_NAME = 2000  # characters of a route; longer paths are cut by the sources


def project_field() -> models.ForeignKey:
    """The project of a row. Not checked by the database: rows and project may live on different nodes."""
    return models.ForeignKey(
        Project, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )


class ProjectSettings(models.Model):
    """How a project's hits are named and how long they are kept."""

    project = models.OneToOneField(
        Project, on_delete=models.CASCADE, primary_key=True, related_name="settings", db_constraint=False
    )
    lexical_rules = models.BooleanField(default=True, help_text="Replace ids, UUIDs, dates… in paths by {id}, {uuid}…")
    group_static = models.BooleanField(default=True, help_text="Count images, scripts, styles and fonts as {static}.")
    group_unmatched = models.BooleanField(
        default=True, help_text="Count 404s of paths that never answered anything else as {unmatched}."
    )
    endpoint_cap = models.PositiveIntegerField(
        default=2000, validators=[MinValueValidator(1)], help_text="New paths past this many count as {other}."
    )
    consumer_cap = models.PositiveIntegerField(default=1000, validators=[MinValueValidator(1)])
    release_cap = models.PositiveIntegerField(default=500, validators=[MinValueValidator(1)])
    apdex_seconds = models.FloatField(default=0.5, validators=[MinValueValidator(0.001)])
    minute_days = models.PositiveIntegerField(default=35, validators=[MinValueValidator(1)])
    hour_days = models.PositiveIntegerField(default=400, validators=[MinValueValidator(1)])
    day_days = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: days are kept for ever.")

    class Meta:
        verbose_name_plural = "project settings"

    def __str__(self) -> str:
        return f"settings of {self.project_id}"


class RoutePattern(models.Model):
    """A route that the project names itself, such as ``/orders/{id}`` or ``/files/{path*}``."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="route_patterns", db_constraint=False)
    service = models.CharField(max_length=200, blank=True, help_text="Empty: every service.")
    method = models.CharField(max_length=32, blank=True, help_text="Empty: every method.")
    pattern = models.CharField(max_length=MAX_NAME)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("project", "service", "method", "pattern"), name="endpoint_stats_route_pattern_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.method or '*'} {self.pattern}"

    def clean(self) -> None:
        self.method = self.method.upper()
        try:
            check_pattern(self.pattern)
        except ValueError as error:
            raise ValidationError({"pattern": str(error)}) from error


class StoreState(models.Model):
    """One row a project: the lock of its rollups, its data version, and the floors of its levels."""

    project = models.OneToOneField(
        Project, on_delete=models.CASCADE, primary_key=True, related_name="store_state", db_constraint=False
    )
    revision = models.BigIntegerField(default=0, help_text="Raised whenever answers may change other than by new hits.")
    newest = models.IntegerField(null=True, help_text="Newest minute with a hit; retention counts back from it.")
    oldest = models.IntegerField(null=True, help_text="Oldest minute with a hit.")
    minute_floor = models.IntegerField(default=0)
    hour_floor = models.IntegerField(default=0)
    day_floor = models.IntegerField(default=0)


class Named(models.Model):
    """A name that rollup rows refer to by ``key``."""

    id = models.UUIDField(primary_key=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    key = models.BigIntegerField(editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True


class Endpoint(Named):
    """One route of one service under one method."""

    service = models.CharField(max_length=200, blank=True)
    method = models.CharField(max_length=32, blank=True)
    route = models.CharField(max_length=MAX_NAME)
    merged_into = models.UUIDField(null=True, blank=True, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("project", "id"), name="endpoint_stats_endpoint_id"),
            models.UniqueConstraint(fields=("project", "key"), name="endpoint_stats_endpoint_key"),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.route}".strip()


class Release(Named):
    """One version of one service."""

    service = models.CharField(max_length=200, blank=True)
    version = models.CharField(max_length=200)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("project", "id"), name="endpoint_stats_release_id"),
            models.UniqueConstraint(fields=("project", "key"), name="endpoint_stats_release_key"),
        )

    def __str__(self) -> str:
        return f"{self.service} {self.version}".strip()


class Consumer(Named):
    """Who calls: a user, an integrator, an application."""

    name = models.CharField(max_length=200)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("project", "id"), name="endpoint_stats_consumer_id"),
            models.UniqueConstraint(fields=("project", "key"), name="endpoint_stats_consumer_key"),
        )

    def __str__(self) -> str:
        return self.name


class Batch(models.Model):
    """The ledger: what one import read, and what became of every line."""

    class State(models.TextChoices):
        RUNNING = "running"
        COMPLETE = "complete"
        FAILED = "failed"
        ROLLED_BACK = "rolled_back", "rolled back"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="batches", db_constraint=False)
    source = models.CharField(max_length=20, default="import")
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


class Sums(models.Model):
    """What every rollup row counts. ``words`` holds statuses and sketches (aggregate/words.py)."""

    requests = models.BigIntegerField()
    client_errors = models.BigIntegerField()
    errors = models.BigIntegerField()
    timed = models.BigIntegerField(help_text="Requests with a duration.")
    duration_us = models.BigIntegerField()
    request_bytes = models.BigIntegerField()
    response_bytes = models.BigIntegerField()
    error_extra = models.SmallIntegerField(help_text="Relative error beyond the sketch's own, in 1/10,000.")
    words = models.BinaryField()

    class Meta:
        abstract = True


class Rollup(Sums):
    pk = models.CompositePrimaryKey("project_id", "time", "endpoint", "release", "traffic")
    project = project_field()
    time = models.IntegerField()
    endpoint = models.BigIntegerField()
    release = models.BigIntegerField()
    traffic = models.SmallIntegerField()

    class Meta:
        abstract = True


class RollupMinute(Rollup):
    pass


class RollupHour(Rollup):
    pass


class RollupDay(Rollup):
    pass


class TotalRollup(Sums):
    """All endpoints together: what charts of a whole project read, however many endpoints it has."""

    pk = models.CompositePrimaryKey("project_id", "time", "release", "traffic")
    project = project_field()
    time = models.IntegerField()
    release = models.BigIntegerField()
    traffic = models.SmallIntegerField()

    class Meta:
        abstract = True


class TotalMinute(TotalRollup):
    pass


class TotalHour(TotalRollup):
    pass


class TotalDay(TotalRollup):
    pass


class ConsumerRollup(Sums):
    pk = models.CompositePrimaryKey("project_id", "time", "consumer", "endpoint")
    project = project_field()
    time = models.IntegerField()
    consumer = models.BigIntegerField()
    endpoint = models.BigIntegerField()

    class Meta:
        abstract = True


class ConsumerHour(ConsumerRollup):
    pass


class ConsumerDay(ConsumerRollup):
    pass


class Family(NamedTuple):
    """Rollups of one kind: their key columns after the project, and their tables by level, finest first."""

    keys: tuple[str, ...]
    levels: dict[str, type[models.Model]]


HITS, TOTALS, CONSUMERS = "hits", "totals", "consumers"
# By endpoint, of all endpoints together, by consumer: the one place that says which table is of which kind.
FAMILIES = {
    HITS: Family(HIT_KEYS, {"minute": RollupMinute, "hour": RollupHour, "day": RollupDay}),
    TOTALS: Family(TOTAL_KEYS, {"minute": TotalMinute, "hour": TotalHour, "day": TotalDay}),
    CONSUMERS: Family(CONSUMER_KEYS, {"hour": ConsumerHour, "day": ConsumerDay}),
}


class Beat(models.Model):
    """The last time a part of the installation was seen alive: a worker's canary, a scheduler's tick."""

    name = models.CharField(max_length=60, primary_key=True)
    asked = models.DateTimeField(null=True, help_text="When the canary was sent.")
    answered = models.DateTimeField(null=True, help_text="When it came back, or the part last ticked.")
    host = models.CharField(max_length=255, blank=True)
    pid = models.IntegerField(null=True)

    objects: ClassVar[models.Manager["Beat"]] = models.Manager()

    def __str__(self) -> str:
        return self.name


class JobRun(models.Model):
    """When a periodic job was last enqueued; claimed by conditional update, so two schedulers never double it."""

    name = models.CharField(max_length=60, primary_key=True)
    due = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
