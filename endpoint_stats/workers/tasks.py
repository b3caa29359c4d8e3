"""What workers do: Django-Q2's entry points, and which of them there are to enqueue.

Keywords and primitive ids only. A task may run twice and late, so each looks for itself at what there is to do.
"""

from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models import Project
from accounts.services import forget_old
from accounts.services.projects import purge, to_purge
from endpoint_stats import dismissals
from endpoint_stats.ingest.uploads import records
from endpoint_stats.store import journal
from endpoint_stats.store.compact import compact
from endpoint_stats.store.retention import prune

from . import canary

GATHER = timedelta(seconds=3)  # for which a journal is left to grow; looked at every two seconds


def projects_to_compact(now: datetime) -> list[dict[str, object]]:
    """The projects whose journal has waited for a while. Answers hold what waits as well; and a busy project's rollups
    cost the same whether a second of hits is added to them or five."""
    ids = list(Project.objects.order_by("id").values_list("id", flat=True))
    return [{"project_id": project_id} for project_id in journal.waiting(ids, now - GATHER)]


def projects_to_prune(now: datetime) -> list[dict[str, object]]:
    return [{"project_id": project_id} for project_id in Project.objects.order_by("id").values_list("id", flat=True)]


def compact_project(*, project_id: int) -> int:
    """Returns the number of journal rows that were moved."""
    return compact(project_id)


def prune_project(*, project_id: int) -> int:
    """Returns the number of rows deleted; 0 for a project that was deleted since the task was enqueued."""
    if not Project.objects.filter(id=project_id).exists():
        return 0
    return prune(project_id, timezone.now())


def projects_to_purge(now: datetime) -> list[dict[str, object]]:
    """Those whose grace period is over."""
    return [{"project_id": project.pk} for project in to_purge(now)]


def purge_project(*, project_id: int) -> bool:
    """Whether it is gone now; False where it was restored meanwhile."""
    return purge(project_id, timezone.now())


def tidy() -> int:
    """Forget what people left behind: sessions, attempts, invitations, audit lines, uploads, dismissals. Returns how
    many."""
    now = timezone.now()
    return forget_old(now) + records.tidy(now) + dismissals.forget_ended(now)


def answer_canary(*, asked: str) -> None:
    """``asked``: the time of the question, ISO 8601."""
    canary.answer(datetime.fromisoformat(asked), timezone.now())
