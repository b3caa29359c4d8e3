"""Users, who sign in by e-mail; projects; and who belongs to which."""

import zoneinfo
from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone
from rest_framework_api_key.models import AbstractAPIKey, APIKeyManager

if TYPE_CHECKING:  # generic to the type checker only
    _Manager = BaseUserManager["User"]
else:
    _Manager = BaseUserManager


class UserManager(_Manager):
    def create_user(self, email: str, password: str | None = None, **extra: object) -> "User":
        """A user with the e-mail in lower case, since two spellings of one address are one person."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=email.strip().lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: object) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField("e-mail", unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.email


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"{name!r} is not a time zone. Use a name such as Europe/Vienna.")


slug_validator = RegexValidator(
    r"^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?\Z",
    "Use 1 to 60 lower-case letters, digits and hyphens, with a letter or digit at both ends.",
)


class Project(models.Model):
    """What one team watches. Its numbers, keys and rules belong to it and never move to another."""

    slug = models.CharField(max_length=60, unique=True, validators=[slug_validator])
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    created = models.DateTimeField(default=timezone.now, editable=False)
    members = models.ManyToManyField(User, through="Membership", related_name="projects")

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
        return f"{self.user_id} in {self.project_id}: {self.role}"


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
