"""What went wrong, from when to when, and what was done about it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Project
from alerts.data import EventKind, Origin, Severity
from endpoint_stats.ids import uuid7

from .rules import Rule


class Incident(models.Model):
    """One stretch of trouble: of a rule, from the first group that fires to the last one; or of another system.

    ``notified`` and ``end_notified`` are set in the transaction that makes the deliveries, by conditional update: so
    each is told once. An incident that ended before anybody was told has no ``notified``.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="incidents")
    rule = models.ForeignKey(Rule, on_delete=models.SET_NULL, null=True, blank=True, related_name="incidents")
    origin = models.CharField(max_length=14, choices=Origin, default=Origin.RULE)
    dedup = models.CharField(max_length=200, help_text="While it is open no other one has the same.")
    title = models.CharField(max_length=200)
    sentence = models.CharField(max_length=500, blank=True, help_text="What is wrong, in one plain sentence.")
    severity = models.CharField(max_length=10, choices=Severity)
    labels = models.JSONField(default=dict, blank=True)
    started = models.DateTimeField(help_text="Since when it is wrong.")
    raised = models.DateTimeField(help_text="When it was found.")
    ended = models.DateTimeField(null=True, blank=True)
    peak = models.FloatField(null=True, blank=True)
    peak_at = models.DateTimeField(null=True, blank=True)
    flapping = models.BooleanField(default=False)
    acknowledged = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    notified = models.DateTimeField(null=True, blank=True)
    updated = models.DateTimeField(null=True, blank=True, help_text="When others of the rule were last told of.")
    end_notified = models.DateTimeField(null=True, blank=True)
    held = models.CharField(max_length=200, blank=True, help_text="Why nobody is told, while nobody is.")
    link = models.CharField(max_length=500, blank=True, help_text="Of the system that raised it.")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("project", "origin", "dedup"), condition=Q(ended=None), name="alerts_one_open_incident"
            ),
        )
        indexes = (
            models.Index(fields=("project", "-started"), name="alerts_incident_recent"),
            models.Index(fields=("end_notified", "ended"), name="alerts_incident_due"),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def open(self) -> bool:
        return self.ended is None


class IncidentEvent(models.Model):
    """A line of an incident's timeline; also what deliveries are of. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=14, choices=EventKind)
    at = models.DateTimeField(help_text="When it happened, by the data.")
    recorded = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    text = models.CharField(max_length=2000, blank=True)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = (models.Index(fields=("incident", "at"), name="alerts_timeline"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"
