"""What a project says of itself, and what the store knows of it as a whole."""

from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.models import Project
from endpoint_stats.routes.rules import check_pattern

from .common import MAX_NAME
from .ledger import SourceKind


def validate_trace_url(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or "{trace_id}" not in address:
        raise ValidationError("Give an address that begins with https:// or http:// and has {trace_id} in it.")


MOST_AGENTS = 50


def validate_agents(text: str) -> None:
    parts = [line.strip() for line in text.splitlines() if line.strip()]
    if len(parts) > MOST_AGENTS or any(not 3 <= len(part) <= 200 for part in parts):
        raise ValidationError(f"Give at most {MOST_AGENTS} lines of 3 to 200 characters.")


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
    hits_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Most hits that are taken; empty: no limit."
    )
    sample_days = models.PositiveIntegerField(
        default=7, db_default=7, help_text="How long single slow and failing requests are kept. 0: none are."
    )
    trace_url = models.CharField(
        max_length=500,
        blank=True,
        default="",
        db_default="",
        validators=[validate_trace_url],
        help_text="Where a trace is looked at, such as https://jaeger.example.org/trace/{trace_id}",
    )
    query_parameters = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="Names of query parameters, one a line, that samples of requests may show.",
    )
    bot_agents = models.TextField(
        blank=True,
        default="",
        db_default="",
        validators=[validate_agents],
        help_text="Parts of user agents, one a line, that are bots besides the known ones, such as our-crawler/.",
    )
    client_addresses = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Samples show the client's address without its last part (IPv4 /24, IPv6 /48).",
    )
    consumer_attribute = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="The OpenTelemetry attribute that names the consumer; empty: enduser.id.",
    )

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


class CountingSource(models.Model):
    """Which way counts for a service. Others give samples only, or hits that come two ways would count twice."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="counting", db_constraint=False)
    service = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=20, choices=[kind for kind in SourceKind.choices if kind[0] != "import"])
    since = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("project", "service"), name="endpoint_stats_counting_source_once"),
        )

    def __str__(self) -> str:
        return f"{self.service or '(no name)'}: {self.source}"


class StoreState(models.Model):
    """One row a project: the lock of its rollups, its data version, and the floors of its levels."""

    project = models.OneToOneField(
        Project, on_delete=models.CASCADE, primary_key=True, related_name="store_state", db_constraint=False
    )
    revision = models.BigIntegerField(default=0, help_text="Raised whenever answers may change other than by new hits.")
    newest = models.IntegerField(null=True, help_text="Newest minute with a hit; retention counts back from it.")
    oldest = models.IntegerField(null=True, help_text="Oldest minute with a hit.")
    # First and last minute of what was taken away since it was last looked for where names were seen.
    taken_from = models.IntegerField(null=True)
    taken_to = models.IntegerField(null=True)
    minute_floor = models.IntegerField(default=0)
    hour_floor = models.IntegerField(default=0)
    day_floor = models.IntegerField(default=0)
