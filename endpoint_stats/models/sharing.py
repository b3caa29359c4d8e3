"""Links by which numbers are shared with who has no account."""

from django.db import models
from django.utils import timezone

from accounts.models import Project, User
from accounts.models.users import one_line
from endpoint_stats.ids import uuid7


class SharedLink(models.Model):
    """A page or a badge for whoever has its link. Of the token in it only the hash is kept."""

    class Kind(models.TextChoices):
        PAGE = "page"
        BADGE = "badge"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="shared_links", db_constraint=False)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    name = models.CharField(max_length=100, validators=[one_line], help_text="What readers see it called.")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PAGE)
    filters = models.JSONField(default=list, blank=True, help_text="Pairs of a name and its values, locked.")
    metric = models.CharField(max_length=20, blank=True, help_text="Of a badge.")
    days = models.PositiveIntegerField(default=30, help_text="How far back it may show.")
    created = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    expires = models.DateTimeField()
    revoked = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, editable=False, help_text="To the hour.")

    class Meta:
        indexes = (models.Index(fields=("project", "-created"), name="endpoint_stats_link_recent"),)

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"
