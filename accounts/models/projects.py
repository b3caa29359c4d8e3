"""Projects, and who belongs to which."""

import zoneinfo
from functools import cache

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from .users import User, one_line


@cache
def time_zones() -> tuple[str, ...]:
    """All names of places, in order; read once, since looking them up takes 50 ms. Not those that only this machine
    knows: browsers draw the charts."""
    return tuple(sorted(zoneinfo.available_timezones() - {"localtime", "posixrules", "Factory"}))


def validate_time_zone(name: str) -> None:
    if name not in time_zones():
        raise ValidationError(f"{name!r} is not a time zone. Use a name such as Europe/Vienna.")


slug_validator = RegexValidator(
    r"^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?\Z",
    "Use 1 to 60 lower-case letters, digits and hyphens, with a letter or digit at both ends.",
)


class Project(models.Model):
    """What one team watches. Its numbers, keys and rules belong to it and never move to another."""

    slug = models.CharField(max_length=60, unique=True, validators=[slug_validator])
    name = models.CharField(max_length=120, validators=[one_line])
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    created = models.DateTimeField(default=timezone.now, editable=False)
    archived = models.DateTimeField(null=True, blank=True, help_text="Since when nothing is taken in; empty: in use.")
    delete_after = models.DateTimeField(
        null=True, blank=True, db_index=True, help_text="When everything of it is deleted; until then it may be kept."
    )
    demo = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="Invented traffic: it can be removed at once."
    )
    members = models.ManyToManyField(User, through="Membership", related_name="projects")

    @property
    def closed(self) -> bool:
        """Whether nothing is taken in."""
        return self.archived is not None or self.delete_after is not None

    class Meta:
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


class Membership(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships", db_constraint=False)
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("project", "user"), name="accounts_membership_once"),)

    def __str__(self) -> str:
        return f"{self.user} in {self.project}, {self.role}"
