"""What is new without being trouble, what was released, and who has read of it."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Project
from accounts.models.users import one_line
from alerts.data import NewsKind
from endpoint_stats.ids import uuid7


class News(models.Model):
    """A line of the feed that is no alert. ``dedup`` makes that a task that runs twice tells once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="news")
    kind = models.CharField(max_length=16, choices=NewsKind)
    dedup = models.CharField(max_length=200)
    at = models.DateTimeField()
    recorded = models.DateTimeField(default=timezone.now)
    title = models.CharField(max_length=200)
    text = models.CharField(max_length=2000, blank=True)
    link = models.CharField(max_length=500, blank=True, help_text="A page of this site, or of the sender's.")
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("project", "kind", "dedup"), name="alerts_told_once"),)
        indexes = (models.Index(fields=("project", "-at"), name="alerts_news_recent"),)
        verbose_name_plural = "news"

    def __str__(self) -> str:
        return self.title


class Reader(models.Model):
    """Up to when one user has read a project's feed, and what of it besides; and which digests they want."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    read_up_to = models.DateTimeField(null=True, blank=True)
    read = models.JSONField(default=list, blank=True, help_text="Ids of single lines after that.")
    weekly = models.BooleanField(default=True)
    monthly = models.BooleanField(default=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("project", "user"), name="alerts_one_reader"),)

    def __str__(self) -> str:
        return f"{self.user_id} of {self.project_id}"


class Deployment(models.Model):
    """A version of a service began to answer: posted, entered, or seen in what came in. ``verdict`` is what changed
    by it (``alerts/releases/verdict.py``)."""

    class Source(models.TextChoices):
        API = "api"
        PAGE = "page"
        SEEN = "seen"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="deployments")
    service = models.CharField(max_length=200, blank=True, validators=[one_line])
    version = models.CharField(max_length=200, validators=[one_line])
    at = models.DateTimeField()
    source = models.CharField(max_length=4, choices=Source)
    link = models.URLField(max_length=500, blank=True)
    note = models.CharField(max_length=500, blank=True, validators=[one_line])
    created = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    verdict = models.JSONField(null=True, blank=True, editable=False)
    judged = models.DateTimeField(null=True, blank=True, editable=False, help_text="Up to when the verdict looked.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("project", "service", "version"), name="alerts_one_deployment"),)
        indexes = (models.Index(fields=("project", "-at"), name="alerts_deployment_recent"),)

    def __str__(self) -> str:
        return f"{self.service} {self.version}".strip()
