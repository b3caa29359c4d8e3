"""The audit log: ``note`` writes a line of it, in the transaction of what it speaks of."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from .clients import address_of, anonymised
from .keys import KeyHolder
from .models import Action, AuditEvent, Project, User

__all__ = ["Action", "forget_old", "note"]


def note(
    action: Action,
    *,
    by: object = None,
    project: Project | None = None,
    target: object = "",
    request: HttpRequest | None = None,
    details: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """``by``: a user, the holder of a key, or the name of a command. ``target``: what it was done to, as the log's
    reader knows it. Secrets have no place in any of them."""
    user = by if isinstance(by, User) and by.pk else None
    name = f"API key {by.key.prefix}" if isinstance(by, KeyHolder) else str(by or "")
    return AuditEvent.objects.create(
        action=action,
        actor=user,
        actor_name=name[:254],
        project=project,
        project_slug=project.slug if project else "",
        target=str(target)[:300],
        details=dict(details or {}),
        network=anonymised(address_of(request)) if request is not None else "",
    )


def forget_old(now: datetime) -> int:
    """Delete what is older than the installation keeps it. Returns how many lines."""
    return AuditEvent.objects.filter(time__lt=now - timedelta(days=settings.AUDIT_DAYS)).delete()[0]
