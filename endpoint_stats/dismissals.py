"""Suggestions that a reader put aside, for themselves and for a while."""

from datetime import datetime, timedelta
from typing import Any

from accounts.models import Project, User

from .models import Dismissal

LASTS = timedelta(days=30)
MOST = 200  # of a reader in a project; beyond them those that end first go


def dismiss(project: Project, user: User, key: str, text: str, now: datetime) -> None:
    """``key``: of what it is about, 64 characters; ``text``: what the reader saw."""
    Dismissal.objects.update_or_create(
        project=project, user=user, key=key, defaults={"text": text[:500], "until": now + LASTS}
    )
    kept = Dismissal.objects.filter(project=project, user=user).order_by("-until").values_list("pk", flat=True)
    Dismissal.objects.filter(pk__in=list(kept[MOST : 2 * MOST])).delete()


def bring_back(project: Project, user: User, key: str) -> None:
    Dismissal.objects.filter(project=project, user=user, key=key).delete()


def dismissed(project_id: int, user_id: int, now: datetime) -> list[Dismissal]:
    """The newest first."""
    return list(Dismissal.objects.filter(project_id=project_id, user_id=user_id, until__gt=now).order_by("-until"))


def forget_ended(now: datetime) -> int:
    return Dismissal.objects.filter(until__lte=now).delete()[0]


def export(user: User) -> list[dict[str, Any]]:
    """As JSON takes it."""
    listed = Dismissal.objects.filter(user=user).order_by("until").select_related("project")
    return [{"project": one.project.slug, "text": one.text, "until": one.until.isoformat()} for one in listed]
