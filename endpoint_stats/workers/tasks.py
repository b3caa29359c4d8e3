"""What workers do: Django-Q2's entry points, and which of them there are to enqueue.

Keywords and primitive ids only. A task may run twice and late, so each looks for itself at what there is to do.
"""

from datetime import datetime

from django.utils import timezone

from accounts.models import Project
from endpoint_stats.models import Journal
from endpoint_stats.store.compact import compact
from endpoint_stats.store.retention import prune

from . import canary

PROJECTS_A_QUERY = 500


def projects_to_compact(now: datetime) -> list[dict[str, object]]:
    """The projects whose journal holds anything. The query names them, as every query of a volume table does."""
    ids = list(Project.objects.order_by("id").values_list("id", flat=True))
    found: list[int] = []
    for start in range(0, len(ids), PROJECTS_A_QUERY):
        rows = Journal.objects.filter(project_id__in=ids[start : start + PROJECTS_A_QUERY])
        found += rows.order_by("project_id").values_list("project_id", flat=True).distinct()
    return [{"project_id": project_id} for project_id in found]


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


def answer_canary(*, asked: str) -> None:
    """``asked``: the time of the question, ISO 8601."""
    canary.answer(datetime.fromisoformat(asked), timezone.now())
