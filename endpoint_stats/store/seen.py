"""When an endpoint, a release and a consumer were first and last seen: kept with their names, since asking the rollups
would read all of them. What is pruned was seen all the same."""

from typing import NamedTuple

import numpy as np
from django.db import connection
from django.db.models import Max, Min, Model

from endpoint_stats.aggregate.table import Ints, Table
from endpoint_stats.models import CALLERS, FAMILIES, HITS, TOTALS, Consumer, Endpoint, Named, Release

from .rollups import array_of

DAY = 1440
# Where to look again after something was taken away: the smallest tables that have the key.
KEPT_IN = {"endpoint": HITS, "release": TOTALS, "consumer": CALLERS}
MODELS: dict[str, type[Named]] = {"endpoint": Endpoint, "release": Release, "consumer": Consumer}


class Seen(NamedTuple):
    """Of one kind of name: what a round adds (keys, first and last minute, int64[n] each), and the keys that it takes
    something away from."""

    kind: str
    keys: Ints
    first: Ints
    last: Ints
    taken: Ints


def seen(hits: Table, by_consumer: Table) -> list[Seen]:
    """Of combined tables, whose rows are sorted by time first."""
    return [
        _of("endpoint", hits, hits.keys[1]),
        _of("release", hits, hits.keys[2]),
        _of("consumer", by_consumer, by_consumer.keys[1]),
    ]


def _of(kind: str, table: Table, key: Ints) -> Seen:
    requests = table.sums[:, 0]
    there = (requests > 0) & (key != 0)
    keys, time = key[there], table.keys[0][there]
    unique, first = np.unique(keys, return_index=True)
    # The last of each is the first from behind.
    last = len(keys) - 1 - np.unique(keys[::-1], return_index=True)[1]
    return Seen(kind, unique, time[first], time[last], np.unique(key[(requests < 0) & (key != 0)]))


def write(project_id: int, found: list[Seen]) -> None:
    """Widen what is known; to be called with the project locked and the rollups written."""
    for one in found:
        _widen(project_id, one)
        if len(one.taken):
            _look_again(project_id, one.kind, one.taken.tolist())


def _widen(project_id: int, found: Seen) -> None:
    if not len(found.keys):
        return
    table = MODELS[found.kind]._meta.db_table
    columns = [column.tolist() for column in (found.keys, found.first, found.last)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Sorted keys: two workers never wait for each other crosswise.
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


def _look_again(project_id: int, kind: str, keys: list[int]) -> None:
    """As finely as it is still known: days reach back furthest, the finest level says best."""
    spans: dict[int, tuple[int, int]] = {}
    for model in reversed(FAMILIES[KEPT_IN[kind]].levels.values()):
        for key, first, last in _spans(model, project_id, kind, keys):
            known = spans.get(key, (first, last))
            spans[key] = (first if first - known[0] < DAY else known[0], max(last, known[1]))
    names = MODELS[kind]._default_manager
    rows = names.filter(project_id=project_id, key__in=keys).only("id", "key")
    for row in rows:
        row.first_seen, row.last_seen = spans.get(row.key, (None, None))
    names.bulk_update(rows, ["first_seen", "last_seen"], batch_size=200)


def _spans(model: type[Model], project_id: int, kind: str, keys: list[int]) -> list[tuple[int, int, int]]:
    rows = model._default_manager.filter(project_id=project_id, **{f"{kind}__in": keys})
    return list(rows.order_by().values_list(kind).annotate(first=Min("time"), last=Max("time")))
