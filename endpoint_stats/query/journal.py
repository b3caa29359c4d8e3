"""What was committed and is not in the rollups yet, as part of every answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from django.db import connection

from endpoint_stats.aggregate.buckets import LEVELS
from endpoint_stats.aggregate.keyed import fold_hits, holds_hits, unpack_hits
from endpoint_stats.aggregate.table import SUMS, columns_of, unpack_columns
from endpoint_stats.ids import minute_of_id
from endpoint_stats.models import CONSUMERS, FAMILIES, HITS, Journal, ProjectSettings, StoreState

from .coverage import Spans, runs_of
from .planner import BY_THE_HOUR, Available, Tile
from .rows import Rows, concatenate, empty, from_columns, take, with_times

DEFAULT_APDEX = ProjectSettings().apdex_seconds


@dataclass(frozen=True, slots=True)
class Waiting:
    """The journal of a project, in rows, what the store holds, and what its answers depend on besides; all of one
    snapshot.

    heard: first and last minutes of what live sources sent
    version: changes whenever an answer may change. Within a revision the journal only grows, so that its length and
    its newest row say which state it is.
    """

    hits: Rows
    by_consumer: Rows
    available: Available
    version: str
    apdex_seconds: float
    heard: Spans

    def part(self, family: str, tile: Tile, only: dict[str, Sequence[int]]) -> Rows:
        """The rows that belong to a tile of a family, in buckets of its level. Totals are of all hits: what else a
        hit's key says is left out when the rows are added up."""
        rows = self.by_consumer if family in BY_THE_HOUR else self.hits
        if not len(rows):
            return rows
        times = rows.keys["time"] - rows.keys["time"] % LEVELS[tile.level]
        keep = (times >= max(tile.start, self.available.floors[tile.level])) & (times < tile.end)
        for name, wanted in only.items():
            keep &= np.isin(rows.keys[name], np.array(wanted, np.int64))
        return take(with_times(rows, times), keep)


_STATE = ("revision", "oldest", "newest", "minute_floor", "hour_floor", "day_floor")
_FROM = (
    "FROM accounts_project p"
    f" LEFT JOIN {StoreState._meta.db_table} s ON s.project_id = p.id"
    f" LEFT JOIN {ProjectSettings._meta.db_table} c ON c.project_id = p.id"
    f" LEFT JOIN {Journal._meta.db_table} j ON j.project_id = p.id"
)


def waiting(project_id: int) -> Waiting:
    """State, settings and journal in one statement."""
    columns = ", ".join(f"s.{name}" for name in _STATE)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns}, c.apdex_seconds, j.id, j.receipts IS NOT NULL, j.sign, j.payload {_FROM}"
            " WHERE p.id = %s",
            [project_id],
        )
        rows = cursor.fetchall()
    state = dict(zip(_STATE, rows[0], strict=False)) if rows else dict.fromkeys(_STATE)
    apdex = (rows[0][len(_STATE)] if rows else None) or DEFAULT_APDEX
    journal = [row[len(_STATE) + 1 :] for row in rows if row[-1] is not None]
    parts = {family: [empty(FAMILIES[family].keys)] for family in (HITS, CONSUMERS)}
    minutes: set[int] = set()
    live_hits = []
    for row_id, live, sign, payload in journal:
        payload = bytes(payload)
        if live:
            minutes.add(minute_of_id(row_id if isinstance(row_id, UUID) else UUID(row_id)))
        if holds_hits(payload):
            live_hits.append(payload)
            continue
        tables = unpack_columns(payload)
        if live:
            minutes.update(np.unique(tables[0].keys[0]).tolist())
        for family, part in zip((HITS, CONSUMERS), tables, strict=True):
            parts[family].append(from_columns(FAMILIES[family].keys, part, sign))
    if live_hits:
        folded = fold_hits(unpack_hits(live_hits))
        minutes.update(np.unique(folded[0].keys[0]).tolist())
        for family, table in zip((HITS, CONSUMERS), folded, strict=True):
            parts[family].append(from_columns(FAMILIES[family].keys, columns_of(table), 1))
    hits, by_consumer = (concatenate(parts[family], FAMILIES[family].keys, SUMS) for family in (HITS, CONSUMERS))
    newest_row = max((str(row[0]) for row in journal), default="")
    return Waiting(
        hits,
        by_consumer,
        _available(state, hits),
        _version(state["revision"] or 0, len(journal), newest_row, apdex),
        apdex,
        runs_of(np.array(sorted(minutes), np.int64)),
    )


def _version(revision: int, rows: int, newest_row: str, apdex: float) -> str:
    return f"{revision}.{rows}.{newest_row.replace('-', '')}.{apdex:g}"


def data_version(project_id: int) -> str:
    """``Waiting.version`` without reading what waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT max(s.revision), max(c.apdex_seconds), count(j.id), max(CAST(j.id AS text)) {_FROM}"
            " WHERE p.id = %s",
            [project_id],
        )
        revision, apdex, rows, newest = cursor.fetchone()
    return _version(revision or 0, rows, newest or "", apdex or DEFAULT_APDEX)


def _available(state: dict[str, int | None], hits: Rows) -> Available:
    oldest, newest = state["oldest"], state["newest"]
    if len(hits):
        first, last = int(hits.keys["time"].min()), int(hits.keys["time"].max())
        oldest = first if oldest is None else min(oldest, first)
        newest = last if newest is None else max(newest, last)
    floors = {level: state[f"{level}_floor"] or 0 for level in LEVELS}
    return Available(floors, oldest, newest)
