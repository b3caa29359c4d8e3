"""What of a project's journal waits for compaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import CharField, Count, Min, Sum
from django.db.models.functions import Cast

from endpoint_stats.ids import first_id_of, millisecond_of_id
from endpoint_stats.models import Journal

from .rollups import array_of

PROJECTS_A_QUERY = 500


class Length(NamedTuple):
    rows: int
    keys: int


class Waiting(NamedTuple):
    """``seconds`` since the oldest row was written."""

    rows: int
    keys: int
    seconds: float


NOTHING = Waiting(0, 0, 0.0)


class Row(NamedTuple):
    id: UUID
    sign: int
    payload: bytes
    receipts: bytes | None


_TABLE = Journal._meta.db_table


def oldest(project_id: int, keys: int) -> tuple[list[Row], int]:
    """The oldest rows, up to so many keys, at least one if there is any; and how many rows there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            # The sums are of keys alone: payloads of rows that are not chosen are never read.
            "SELECT j.id, j.sign, j.payload, j.receipts, chosen.rows FROM (SELECT id, keys,"
            f" sum(keys) OVER (ORDER BY id) AS total, count(*) OVER () AS rows FROM {_TABLE} WHERE project_id = %s)"
            f" chosen JOIN {_TABLE} j ON j.project_id = %s AND j.id = chosen.id"
            " WHERE chosen.total <= %s OR chosen.total = chosen.keys ORDER BY j.id",
            [project_id, project_id, keys],
        )
        found = cursor.fetchall()
    chosen = [
        Row(id if isinstance(id, UUID) else UUID(id), sign, bytes(payload), None if said is None else bytes(said))
        for id, sign, payload, said, _ in found
    ]
    return chosen, found[0][-1] if found else 0


def delete(project_id: int, ids: Sequence[UUID]) -> int:
    """Returns how many of them were there."""
    if connection.vendor != "postgresql":
        return Journal.objects.filter(project_id=project_id, id__in=ids).delete()[0]
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {_TABLE} WHERE project_id = %s AND id = ANY(%s::uuid[])", [project_id, array_of(ids)]
        )
        return int(cursor.rowcount)


def lengths(project_ids: list[int], now: datetime) -> dict[int, Waiting]:
    """What waits, of the projects that have any. A few statements, however many projects there are."""
    found = {}
    for start in range(0, len(project_ids), PROJECTS_A_QUERY):
        rows = Journal.objects.filter(project_id__in=project_ids[start : start + PROJECTS_A_QUERY])
        # PostgreSQL has no least of UUIDs before 18; their text is in the same order.
        sizes = rows.values("project_id").annotate(
            rows=Count("id"), keys=Sum("keys"), first=Min(Cast("id", CharField(max_length=36)))
        )
        for size in sizes:
            seconds = max(0.0, now.timestamp() - millisecond_of_id(UUID(size["first"])) / 1000)
            found[size["project_id"]] = Waiting(size["rows"], size["keys"], seconds)
    return found


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


def waiting(project_ids: list[int], since: datetime) -> list[int]:
    """Those of the projects whose journal holds a row from before ``since``. Named, as every query of a volume table
    names its project."""
    found: list[int] = []
    for start in range(0, len(project_ids), PROJECTS_A_QUERY):
        rows = Journal.objects.filter(
            project_id__in=project_ids[start : start + PROJECTS_A_QUERY], id__lt=first_id_of(since)
        )
        found += rows.order_by("project_id").values_list("project_id", flat=True).distinct()
    return found
