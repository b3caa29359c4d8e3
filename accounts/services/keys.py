"""API keys as people and programs manage them."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.audit import Action, note
from accounts.keys import KeyHolder, create_key, known_keys
from accounts.models import ApiKey, Project, Scope, User

MAX_DAYS = 36_500
MAX_NAME = 50
MAX_QUOTA = 1_000_000_000


def create(
    project: Project,
    scope: str,
    name: str,
    *,
    days: int = 0,
    hits_per_minute: int | None = None,
    by: object,
    request: HttpRequest | None = None,
) -> tuple[ApiKey, str]:
    """A key and its secret, which is shown once. A key makes none that may more than reading. Raises
    ValidationError."""
    if scope not in Scope.values:
        raise ValidationError({"scope": f"There is no scope {scope!r}. There are: {', '.join(Scope.values)}."})
    if isinstance(by, KeyHolder) and scope == Scope.WRITE:
        raise ValidationError({"scope": "A key cannot make keys that write; a member can, on the page of keys."})
    if not 0 <= days <= MAX_DAYS:
        raise ValidationError({"days": f"A key lasts 1 to {MAX_DAYS} days, or for ever (0)."})
    if len(name) > MAX_NAME or "\0" in name:
        raise ValidationError({"name": f"A key's name has at most {MAX_NAME} characters."})
    if hits_per_minute is not None and not 1 <= hits_per_minute <= MAX_QUOTA:
        raise ValidationError({"hits_per_minute": f"A quota is 1 to {MAX_QUOTA:,} hits a minute, or none."})
    expires = timezone.now() + timedelta(days=days) if days else None
    user = by if isinstance(by, User) else None
    with transaction.atomic():
        key, secret = create_key(project, scope, name.strip() or scope, expires=expires, by=user, quota=hits_per_minute)
        details = {"scope": scope, "expires": expires.isoformat() if expires else None}
        target = f"{key.name} ({key.prefix})"
        note(Action.KEY_CREATED, by=by, project=project, target=target, details=details, request=request)
    return key, secret


def revoke(key: ApiKey, *, by: object, request: HttpRequest | None = None) -> None:
    """At once, and for good."""
    with transaction.atomic():
        if ApiKey.objects.filter(pk=key.pk, revoked=False).update(revoked=True):
            note(Action.KEY_REVOKED, by=by, project=key.project, target=f"{key.name} ({key.prefix})", request=request)
    known_keys.forget(key)


def usable(key: ApiKey, now: datetime) -> bool:
    return not key.revoked and not (key.expiry_date and key.expiry_date <= now)
