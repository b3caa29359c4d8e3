"""Names that rollup rows refer to."""

from django.db import models
from django.utils import timezone

from accounts.models import Project

from .common import MAX_NAME


class Named(models.Model):
    """A name that rollup rows refer to by ``key``."""

    id = models.UUIDField(primary_key=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    key = models.BigIntegerField(editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)
    # Minutes since 1970, of consumers the hour's first, of the hits that are in the rollups: their own times, not
    # those of when they arrived.
    first_seen = models.IntegerField(null=True, editable=False)
    last_seen = models.IntegerField(null=True, editable=False)

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
