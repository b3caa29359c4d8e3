"""Adding a table of counts to a rollup level: read what the keys hold, add, write back, canonically packed.

The caller holds the project's lock (state.lock), so that read, add and write cannot interleave with another
writer. That costs one more read than an additive upsert, and gives what concatenating words in the database
cannot: the same bytes whatever the order and the chunks, and subtraction for rollbacks.
"""

import itertools
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from django.db import connection

from endpoint_stats.aggregate import words
from endpoint_stats.aggregate.table import SUMS, Ints, Table, combine, take
from endpoint_stats.models import FAMILIES

ROWS_A_STATEMENT = 50
VALUES = (*SUMS, "error_extra", "words")


class Level(NamedTuple):
    table: str
    keys: tuple[str, ...]


# By family and level.
LEVELS = {
    name: {level: Level(model._meta.db_table, family.keys) for level, model in family.levels.items()}
    for name, family in FAMILIES.items()
}
_PG_TYPES = {"time": "int", "traffic": "smallint", "error_extra": "smallint", "words": "bytea"}


class NeverAddedError(ValueError):
    """Something is being taken away that was never added. Nothing was written."""


def add(project_id: int, level: Level, table: Table) -> None:
    """Add ``table`` (combined; counts may be negative) to the level. Rows that come to nothing are deleted. Raises
    NeverAddedError."""
    if not len(table):
        return
    held = _read(project_id, level, table.keys)
    merged = combine(table, held) if len(held) else table
    gone = merged.sums[:, 0] <= 0
    if gone.any():
        if (merged.sums[gone, 0] < 0).any():
            raise NeverAddedError(f"{level.table}: something is being taken away that was never added.")
        _delete(project_id, level, tuple(key[gone] for key in merged.keys))
        merged = take(merged, ~gone)
    _write(project_id, level, merged)


def within(project_id: int, level: Level, start: int, end: int) -> Table:
    """All rows of the buckets in ``[start, end)``."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join((*level.keys, *VALUES))} FROM {level.table}"
            " WHERE project_id = %s AND time >= %s AND time < %s",
            [project_id, start, end],
        )
        return from_rows(level, cursor.fetchall())


def replace_within(project_id: int, level: Level, table: Table, start: int, end: int) -> None:
    """``table`` in the place of all rows of these buckets."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {level.table} WHERE project_id = %s AND time >= %s AND time < %s", [project_id, start, end]
        )
    _write(project_id, level, table)


def _read(project_id: int, level: Level, keys: tuple[Ints, ...]) -> Table:
    """The rows that the level holds under ``keys``."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT (SELECT min(time) FROM {level.table} WHERE project_id = %s AND time BETWEEN %s AND %s),"
            f" (SELECT max(time) FROM {level.table} WHERE project_id = %s AND time BETWEEN %s AND %s)",
            [project_id, int(keys[0].min()), int(keys[0].max())] * 2,
        )
        first, last = cursor.fetchone()
        if first is None:
            return from_rows(level, [])
        # A log is sorted by time: most of its keys lie past what the level holds, and need no look-up.
        inside = (keys[0] >= first) & (keys[0] <= last)
        columns = ", ".join(f"r.{name}" for name in (*level.keys, *VALUES))
        source, parameters = _keys_relation(level, tuple(key[inside] for key in keys))
        match = " AND ".join(f"r.{name} = k.{name}" for name in level.keys)
        cursor.execute(
            f"SELECT {columns} FROM {source} JOIN {level.table} r ON r.project_id = %s AND {match}",
            [*parameters, project_id],
        )
        return from_rows(level, cursor.fetchall())


def _keys_relation(level: Level, keys: tuple[Ints, ...]) -> tuple[str, list[Any]]:
    """SQL for a relation ``k`` of keys, one parameter for all of them, and its parameters."""
    if connection.vendor == "postgresql":
        arrays = ", ".join(f"%s::{_PG_TYPES.get(name, 'bigint')}[]" for name in level.keys)
        return f"unnest({arrays}) AS k({', '.join(level.keys)})", [array_of(key.tolist()) for key in keys]
    names = ", ".join(f"value ->> {place} AS {name}" for place, name in enumerate(level.keys))
    rows = json.dumps(list(zip(*(key.tolist() for key in keys), strict=True)))
    # CROSS JOIN order matters to SQLite's planner: keys first, then one look-up each.
    return f"(SELECT {names} FROM json_each(%s)) k CROSS", [rows]


def array_of(values: Sequence[Any]) -> str:
    """PostgreSQL's text for an array of integers, UUIDs or bytes: the driver would look at each element."""
    if values and isinstance(values[0], bytes):
        values = [f'"\\\\x{value.hex()}"' for value in values]
    return f"{{{','.join(map(str, values))}}}"


def from_rows(level: Level, rows: list[tuple[object, ...]]) -> Table:
    """The table of database rows whose columns are the level's keys and ``VALUES``."""
    count = len(level.keys)
    if not rows:
        none = np.zeros(0, np.int64)
        nothing = words.Entries(none, none, none, none)
        return Table((none,) * count, np.zeros((0, len(SUMS)), np.int64), none, nothing)
    columns = list(zip(*rows, strict=True))
    blobs = [bytes(blob) for blob in columns[-1]]
    offsets = np.concatenate(([0], np.cumsum([len(blob) // 4 for blob in blobs])))
    keys = tuple(np.array(column, np.int64) for column in columns[:count])
    sums = np.array(columns[count : count + len(SUMS)], np.int64).T
    entries = words.decode(np.frombuffer(b"".join(blobs), "<u4"), offsets)
    return Table(keys, sums, np.array(columns[-2], np.int64), entries)


def _to_columns(table: Table) -> list[list[object]]:
    content, offsets = words.encode(table.entries, len(table))
    packed = content.astype("<u4", copy=False).tobytes()
    ends = (offsets * 4).tolist()
    blobs = [packed[start:stop] for start, stop in itertools.pairwise(ends)]
    numbers = [*table.keys, *table.sums.T, table.error_extra]
    return [*(column.tolist() for column in numbers), blobs]


def _write(project_id: int, level: Level, table: Table) -> None:
    if not len(table):
        return
    columns = _to_columns(table)
    names = (*level.keys, *VALUES)
    update = ", ".join(f"{name} = excluded.{name}" for name in VALUES)
    conflict = f"ON CONFLICT (project_id, {', '.join(level.keys)}) DO UPDATE SET {update}"
    insert = f"INSERT INTO {level.table} (project_id, {', '.join(names)})"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            arrays = ", ".join(f"%s::{_PG_TYPES.get(name, 'bigint')}[]" for name in names)
            values: list[Any] = [project_id, *map(array_of, columns)]
            cursor.execute(f"{insert} SELECT %s, * FROM unnest({arrays}) {conflict}", values)
        else:
            _insert_many(cursor, insert, [[project_id] * len(columns[0]), *columns], conflict)


def _insert_many(cursor: Any, insert: str, columns: list[list[Any]], conflict: str) -> None:
    """SQLite: many rows a statement, since much of what a row costs is its statement."""
    values = list(itertools.chain.from_iterable(zip(*columns, strict=True)))
    row = "(" + ", ".join(["%s"] * len(columns)) + ")"
    first = 0
    for rows in (ROWS_A_STATEMENT, 1):
        size = rows * len(columns)
        stop = len(values) - (len(values) - first) % size
        groups = [values[at : at + size] for at in range(first, stop, size)]
        cursor.executemany(f"{insert} VALUES {', '.join([row] * rows)} {conflict}", groups)
        first = stop


def _delete(project_id: int, level: Level, keys: tuple[Ints, ...]) -> None:
    match = " AND ".join(f"{name} = %s" for name in level.keys)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"DELETE FROM {level.table} WHERE project_id = %s AND {match}",
            [(project_id, *key) for key in zip(*(key.tolist() for key in keys), strict=True)],
        )
