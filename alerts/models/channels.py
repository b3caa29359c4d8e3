"""Who is told, how, and when again."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Project
from accounts.models.users import one_line
from alerts.data import DeliveryState
from endpoint_stats.ids import uuid7

from .incidents import IncidentEvent


class Channel(models.Model):
    """A way to tell somebody. ``config`` is what its transport asks for; of it ``secrets`` is encrypted."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="channels")
    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=100, validators=[one_line])
    config = models.JSONField(default=dict, blank=True)
    secrets = models.TextField(blank=True, editable=False, help_text="Encrypted.")
    enabled = models.BooleanField(default=True)
    next = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+",
        help_text="Who is told where this one fails.",
    )  # fmt: skip
    created = models.DateTimeField(default=timezone.now, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=500, blank=True, editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("project", "name"), name="alerts_one_channel_a_name"),)

    def __str__(self) -> str:
        return self.name


class Policy(models.Model):
    """Whom to tell first, whom when nobody acknowledges, and how often again. Each level: {"after": minutes since
    the first, "channels": [ids]}; the last one is repeated."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="policies")
    name = models.CharField(max_length=100, validators=[one_line])
    levels = models.JSONField(default=list)
    repeat_minutes = models.PositiveIntegerField(default=0, help_text="Again while nobody acknowledges; 0: never.")
    default = models.BooleanField(default=False, help_text="For rules that name none.")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("project", "name"), name="alerts_one_policy_a_name"),
            models.UniqueConstraint(fields=("project",), condition=Q(default=True), name="alerts_one_default_policy"),
        )
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """The outbox: one message to one channel. Its id is the ``webhook-id``, the same at every attempt."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    event = models.ForeignKey(IncidentEvent, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    step = models.PositiveIntegerField(default=0, help_text="0 at once; then each escalation and reminder.")
    message = models.CharField(max_length=12, help_text="The kind of message.")
    instead_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", help_text="One that failed."
    )
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.QUEUED)
    created = models.DateTimeField(default=timezone.now)
    due = models.DateTimeField(default=timezone.now)
    claim = models.UUIDField(null=True, editable=False)
    attempts = models.PositiveIntegerField(default=0)
    finished = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("event", "channel", "step"), name="alerts_one_row_a_step"),)
        indexes = (models.Index(fields=("state", "due"), name="alerts_delivery_due"),)
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.message} by {self.channel_id}, step {self.step}"


class Attempt(models.Model):
    """One try to send, and what was answered."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    delivery = models.ForeignKey(
        Delivery, on_delete=models.CASCADE, null=True, blank=True, related_name="tries", help_text="None: a test."
    )
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(default=timezone.now)
    ok = models.BooleanField()
    status = models.IntegerField(null=True, blank=True)
    answer = models.CharField(max_length=500, blank=True)
    seconds = models.FloatField(default=0)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        indexes = (models.Index(fields=("channel", "-at"), name="alerts_attempts_recent"),)

    def __str__(self) -> str:
        return f"{'sent' if self.ok else 'failed'} {self.at:%Y-%m-%d %H:%M}"
