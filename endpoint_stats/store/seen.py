"""When an endpoint, a release and a consumer were first and last seen: kept with their names, since asking the rollups
would read all of them. What is pruned was seen all the same."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from django.db import connection
from django.db.models import Max, Min, Q

from endpoint_stats.aggregate.table import Ints, Table
from endpoint_stats.models import CALLERS, FAMILIES, HITS, TOTALS, Consumer, Endpoint, Named, Release, StoreState

from .rollups import array_of

DAY, HOUR = 1440, 60
# The smallest tables that have each kind's key, to look again after something was taken away.
KEPT_IN = {"endpoint": HITS, "release": TOTALS, "consumer": CALLERS}
MODELS: dict[str, type[Named]] = {"endpoint": Endpoint, "release": Release, "consumer": Consumer}
Span = tuple[int, int]


class Seen(NamedTuple):
    """Of one kind of name what a round adds: keys, first and last minute, int64[n] each."""

    kind: str
    keys: Ints
    first: Ints
    last: Ints


def seen(hits: Table, by_consumer: Table) -> list[Seen]:
    """Of combined tables, whose rows are sorted by time first."""
    return [
        _of("endpoint", hits, hits.keys[1]),
        _of("release", hits, hits.keys[2]),
        _of("consumer", by_consumer, by_consumer.keys[1]),
    ]


def _of(kind: str, table: Table, key: Ints) -> Seen:
    there = (table.sums[:, 0] > 0) & (key != 0)
    keys, time = key[there], table.keys[0][there]
    unique, first = np.unique(keys, return_index=True)
    # The last of each is the first from behind.
    last = len(keys) - 1 - np.unique(keys[::-1], return_index=True)[1]
    return Seen(kind, unique, time[first], time[last])


def widen(project_id: int, found: Iterable[Seen]) -> None:
    """Add to what is known; with the project locked."""
    for one in found:
        if len(one.keys):
            _widen(project_id, one)


def _widen(project_id: int, found: Seen) -> None:
    table = MODELS[found.kind]._meta.db_table
    columns = [column.tolist() for column in (found.keys, found.first, found.last)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"UPDATE {table} n SET first_seen = least(n.first_seen, k.first),"
                " last_seen = greatest(n.last_seen, k.last)"
                " FROM unnest(%s::bigint[], %s::int[], %s::int[]) AS k(key, first, last)"
                " WHERE n.project_id = %s AND n.key = k.key"
                " AND (n.first_seen IS NULL OR n.first_seen > k.first OR n.last_seen < k.last)",
                [*map(array_of, columns), project_id],
            )
            return
        cursor.executemany(
            f"UPDATE {table} SET first_seen = min(coalesce(first_seen, %s), %s),"
            " last_seen = max(coalesce(last_seen, %s), %s) WHERE project_id = %s AND key = %s"
            " AND (first_seen IS NULL OR first_seen > %s OR last_seen < %s)",
            [
                (first, first, last, last, project_id, key, first, last)
                for key, first, last in zip(*columns, strict=True)
            ],
        )


def look_again(held: StoreState) -> None:
    """After a rollback, once, when all that it takes away has left, for the names that began or ended within it: by
    days and hours, since minutes would be the whole of the largest table. What still lies in the same hour keeps its
    minute."""
    # Consumers are known by the hour: the one in which something was taken began before it.
    taken = ((held.taken_from or 0) - HOUR + 1, held.taken_to or 0)
    for kind, model in MODELS.items():
        named = model._default_manager.filter(project_id=held.project_id)
        rows = list(
            named.filter(Q(first_seen__range=taken) | Q(last_seen__range=taken)).only(
                "id", "key", "first_seen", "last_seen"
            )
        )
        if not rows:
            continue
        wanted = {row.key for row in rows}
        days = {key: span for key, span in _spans(held.project_id, kind, "day").items() if key in wanted}
        hours = {
            (key, day): span
            for day in sorted({day for span in days.values() for day in span})
            for key, span in _spans(held.project_id, kind, "hour", (day, day + DAY)).items()
        }
        changed = [row for row in rows if _look(row, days.get(row.key), hours, held)]
        model._default_manager.bulk_update(changed, ["first_seen", "last_seen"], batch_size=200)


def _spans(project_id: int, kind: str, level: str, within: Span | None = None) -> dict[int, Span]:
    rows = FAMILIES[KEPT_IN[kind]].levels[level]._default_manager.filter(project_id=project_id)
    if within is not None:
        rows = rows.filter(time__gte=within[0], time__lt=within[1])
    found = rows.order_by().values_list(kind).annotate(first=Min("time"), last=Max("time"))
    return {key: (first, last) for key, first, last in found}


def _look(row: Named, days: Span | None, hours: dict[tuple[int, int], Span], held: StoreState) -> bool:
    """Whether anything changed. What lies below the days that are kept was pruned, and stays seen."""
    first, last = row.first_seen or 0, row.last_seen or 0
    pruned = first < held.day_floor
    if days is None:
        row.first_seen, row.last_seen = (first, min(last, held.day_floor - 1)) if pruned else (None, None)
    else:
        # Of a day that is kept in part, hours say nothing of its beginning; of its end they do.
        begins = hours.get((row.key, days[0])) if days[0] >= held.hour_floor else None
        ends = hours.get((row.key, days[1]))
        row.first_seen = first if pruned else _better(first, begins[0] if begins else None, days[0])
        row.last_seen = _better(last, ends[1] if ends else None, days[1])
    return (row.first_seen, row.last_seen) != (first, last)


def _better(moment: int, hour: int | None, day: int) -> int:
    """The hour, or the day where it is not known, but the moment itself if it lies in that."""
    start, size = (day, DAY) if hour is None else (hour, HOUR)
    return moment if start <= moment < start + size else start
