"""How much of a project's journal waits for compaction."""

from typing import NamedTuple

from django.db.models import Count, Sum

from endpoint_stats.models import Journal

PROJECTS_A_QUERY = 500


class Length(NamedTuple):
    rows: int
    keys: int


def length(project_id: int) -> Length:
    size = Journal.objects.filter(project_id=project_id).aggregate(rows=Count("id"), keys=Sum("keys"))
    return Length(size["rows"], size["keys"] or 0)


def total(project_ids: list[int]) -> Length:
    """What all these projects' journals hold together."""
    rows = keys = 0
    for start in range(0, len(project_ids), PROJECTS_A_QUERY):
        held = Journal.objects.filter(project_id__in=project_ids[start : start + PROJECTS_A_QUERY])
        size = held.aggregate(rows=Count("id"), keys=Sum("keys"))
        rows, keys = rows + size["rows"], keys + (size["keys"] or 0)
    return Length(rows, keys)


def waiting(project_ids: list[int]) -> list[int]:
    """Those of the projects whose journal holds anything. Named, as every query of a volume table names its project."""
    found: list[int] = []
    for start in range(0, len(project_ids), PROJECTS_A_QUERY):
        rows = Journal.objects.filter(project_id__in=project_ids[start : start + PROJECTS_A_QUERY])
        found += rows.order_by("project_id").values_list("project_id", flat=True).distinct()
    return found
