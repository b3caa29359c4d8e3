"""What a reader does not want to be told again."""

from django.conf import settings
from django.db import models

from accounts.models import Project


class Dismissal(models.Model):
    """A suggestion that one reader of a project put aside for a while. ``key`` is the digest of what it is about."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=64)
    text = models.CharField(max_length=500)
    until = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("project", "user", "key"), name="endpoint_stats_one_dismissal"),)

    def __str__(self) -> str:
        return self.text
