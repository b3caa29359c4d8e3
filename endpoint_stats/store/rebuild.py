"""Rollups that are sums of others, made anew from them: where an old release compacted beside a new one, which keeps
sums that the old one does not know."""

from typing import NamedTuple

from django.db import connection, transaction

from endpoint_stats.aggregate.table import Table, combine, with_keys
from endpoint_stats.models import CALLERS, CONSUMERS, HITS, TOTALS

from . import rollups, state


class Derived(NamedTuple):
    """A family that is another one with a key left out; ``keys``: places of the columns that stay."""

    source: str
    keys: tuple[int, ...]


DERIVED = {TOTALS: Derived(HITS, (0, 2, 3)), CALLERS: Derived(CONSUMERS, (0, 1))}
DAY = 1440
BUCKETS = {"minute": 240, "hour": DAY, "day": 30 * DAY}  # minutes a transaction


def derive(family: str, table: Table) -> Table:
    """What a table of the source family comes to."""
    return combine(with_keys(table, tuple(table.keys[place] for place in DERIVED[family].keys)))


def rebuild(project_id: int) -> int:
    """All derived rollups of a project, in short transactions. Returns the number of rows written."""
    written = 0
    for family in DERIVED:
        for level in rollups.LEVELS[family]:
            span = _span(project_id, DERIVED[family].source, level)
            if span is None:
                continue
            step = BUCKETS[level]
            for start in range(span[0] - span[0] % step, span[1] + 1, step):
                with transaction.atomic():
                    held = state.lock(project_id)
                    written += rebuild_within(project_id, family, level, start, start + step)
                    held.revision += 1
                    held.save()
    return written


def rebuild_within(project_id: int, family: str, level: str, start: int, end: int) -> int:
    """Of the buckets in ``[start, end)``; with the project locked. Returns the number of rows written."""
    own, source = rollups.LEVELS[family][level], rollups.LEVELS[DERIVED[family].source][level]
    table = derive(family, rollups.within(project_id, source, start, end))
    rollups.replace_within(project_id, own, table, start, end)
    return len(table)


def _span(project_id: int, family: str, level: str) -> tuple[int, int] | None:
    table = rollups.LEVELS[family][level].table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT min(time), max(time) FROM {table} WHERE project_id = %s", [project_id])
        first, last = cursor.fetchone()
    return None if first is None else (first, last)
