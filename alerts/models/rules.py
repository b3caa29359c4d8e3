"""What is watched: rules, and objectives that rules are made of."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Project
from accounts.models.users import one_line
from alerts.data import RuleKind, Severity
from endpoint_stats.ids import uuid7


class Objective(models.Model):
    """A service level objective: so large a share of the requests is good, over so many days."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="objectives")
    name = models.CharField(max_length=100, validators=[one_line])
    filters = models.JSONField(default=list, blank=True, help_text="Pairs of a filter's name and its values.")
    target = models.FloatField(help_text="The share that must be good: 0.995 for 99.5 %.")
    days = models.PositiveIntegerField(default=30, help_text="Over how many days.")
    minimum_events = models.PositiveIntegerField(default=10, help_text="Bad requests below which nobody is told.")
    created = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(target__gt=0, target__lt=1), name="alerts_objective_target"),)

    def __str__(self) -> str:
        return self.name


class Rule(models.Model):
    """A question that is asked again and again, and the condition that its answer is held against
    (``alerts/evaluate/spec.py`` says what each number means)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="rules")
    objective = models.ForeignKey(Objective, on_delete=models.CASCADE, null=True, blank=True, related_name="rules")
    name = models.CharField(max_length=100, validators=[one_line])
    kind = models.CharField(max_length=20, choices=RuleKind)
    metric = models.CharField(max_length=20, blank=True)
    filters = models.JSONField(default=list, blank=True, help_text="Pairs of a filter's name and its values.")
    group_by = models.JSONField(default=list, blank=True, help_text="Each value of these is watched by itself.")
    condition = models.JSONField(default=dict, blank=True, help_text="The numbers of its kind, by name.")
    severity = models.CharField(max_length=10, choices=Severity, default=Severity.TICKET)
    policy = models.ForeignKey(
        "Policy", on_delete=models.SET_NULL, null=True, blank=True, related_name="rules",
        help_text="Who is told; empty: by the project's own.",
    )  # fmt: skip
    advice = models.TextField(max_length=2000, blank=True, help_text="What to do, for who is told.")
    enabled = models.BooleanField(default=True)
    problem = models.CharField(max_length=300, blank=True, editable=False, help_text="Why it cannot be answered.")
    created = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    revision = models.PositiveIntegerField(default=1, editable=False, help_text="Rises when what it asks changes.")

    class Meta:
        indexes = (models.Index(fields=("project", "enabled"), name="alerts_rule_of_project"),)

    def __str__(self) -> str:
        return self.name


class Alert(models.Model):
    """The state of one group of a rule, as long as there is anything to remember of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="alerts")
    revision = models.PositiveIntegerField()
    group = models.JSONField(default=list, help_text="What tells the group from others.")
    key = models.CharField(max_length=64, help_text="Digest of that.")
    labels = models.JSONField(default=dict)
    state = models.CharField(max_length=12)
    memory = models.JSONField(default=dict, help_text="What the state machine remembers.")
    incident = models.ForeignKey("Incident", on_delete=models.SET_NULL, null=True, blank=True, related_name="alerts")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("rule", "key"), name="alerts_one_state_a_group"),)
        indexes = (models.Index(fields=("project", "state"), name="alerts_alert_of_project"),)

    def __str__(self) -> str:
        return f"{self.rule_id} {self.key[:8]} {self.state}"


class Evaluation(models.Model):
    """How far a project's rules were evaluated. Claimed by conditional update of ``up_to``."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="+")
    up_to = models.DateTimeField(help_text="The last step that was evaluated.")
    finished = models.DateTimeField(help_text="When.")
    seconds = models.FloatField(default=0, help_text="How long its reading and judging took.")
    error = models.CharField(max_length=500, blank=True, help_text="Why the last try did not work.")
    failing_since = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.project_id} up to {self.up_to:%Y-%m-%d %H:%M}"

    class Meta:
        default_permissions = ("view",)
