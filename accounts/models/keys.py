"""API keys: by which programs speak for a project."""

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from rest_framework_api_key.models import AbstractAPIKey, APIKeyManager

from .projects import Project
from .users import User


class Scope(models.TextChoices):
    """What a key may do. ``write`` includes ``read``; ``ingest`` may send hits and see nothing."""

    INGEST = "ingest"
    READ = "read"
    WRITE = "write"


class ApiKey(AbstractAPIKey):
    """A secret by which a program speaks for one project. Only its hash is kept; ``prefix`` tells keys apart."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="api_keys", db_constraint=False)
    scope = models.CharField(max_length=10, choices=Scope, default=Scope.READ)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    last_used = models.DateTimeField(null=True, editable=False, help_text="To the minute.")
    hits_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Most hits that are taken; empty: no limit."
    )

    objects: ClassVar[APIKeyManager] = APIKeyManager()

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"

    def may(self, scope: str) -> bool:
        return self.scope == scope or (self.scope == Scope.WRITE and scope == Scope.READ)
