"""Users, who sign in by e-mail, and how their cache does."""

from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.utils import timezone

if TYPE_CHECKING:  # generic to the type checker only
    _Manager = BaseUserManager["User"]
else:
    _Manager = BaseUserManager


# What people read, and what stands in the subject of a message: a line, whatever it is written in.
one_line = RegexValidator(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", "Write it in one line.", inverse_match=True)


class UserManager(_Manager):
    def create_user(self, email: str, password: str | None = None, **extra: object) -> "User":
        """A user with the e-mail in lower case, since two spellings of one address are one person. Whoever calls this
        vouches for the address: it counts as verified. (Who signs up by the page proves it.)"""
        from allauth.account.models import EmailAddress  # it is of the user's model itself

        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=email.strip().lower(), **extra)
        user.set_password(password)
        with transaction.atomic(using=self._db):
            user.save(using=self._db)
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: object) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField("e-mail", unique=True)
    name = models.CharField(max_length=120, blank=True, validators=[one_line])
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)
    first_password_ends = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Until when a password works that somebody else gave."
    )
    demo_removed = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When they removed their demo: it does not come back by itself.",
    )
    cache_epoch = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="Part of each key of the user's cache; raising it clears it."
    )

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.email


class CacheUse(models.Model):
    """How often a user's cache had the answer, by day (UTC)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="cache_use")
    day = models.DateField()
    hits = models.PositiveBigIntegerField(default=0)
    misses = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "day"), name="accounts_cache_use_once"),)

    def __str__(self) -> str:
        return f"{self.user_id} on {self.day}: {self.hits} of {self.hits + self.misses}"
