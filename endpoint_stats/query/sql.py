"""All SQL that reads rollups, and the snapshot that it reads in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.backends.signals import connection_created
from django.dispatch import receiver

from endpoint_stats.aggregate import words
from endpoint_stats.aggregate.table import CONSUMER_KEYS, HIT_KEYS, SUMS, Ints, Table, empty
from endpoint_stats.models import ConsumerDay, ConsumerHour, RollupDay, RollupHour, RollupMinute

from .planner import MONDAY, Tile

TABLES = {"minute": RollupMinute, "hour": RollupHour, "day": RollupDay}
CONSUMER_TABLES = {"hour": ConsumerHour, "day": ConsumerDay}


class _JoinWords:
    """SQLite's lack: concatenation of blobs as an aggregate, as PostgreSQL's ``string_agg``."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def step(self, part: bytes) -> None:
        self.parts.append(part)

    def finalize(self) -> bytes:
        return b"".join(self.parts)


@receiver(connection_created)
def add_aggregate(sender: Any, connection: Any, **kwargs: Any) -> None:
    if connection.vendor == "sqlite":
        connection.connection.create_aggregate("join_words", 1, _JoinWords)


@contextmanager
def snapshot() -> Iterator[None]:
    """One state of the database for all reads within, without the write lock."""
    if connection.in_atomic_block:
        yield  # the caller's transaction is the snapshot
    elif connection.vendor == "sqlite":
        # Deferred: Django's own transactions are IMMEDIATE here, and readers would wait for the writer.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


def key_columns(by_consumer: bool) -> tuple[str, ...]:
    return CONSUMER_KEYS if by_consumer else HIT_KEYS


def read(
    project_id: int,
    tile: Tile,
    *,
    by_consumer: bool,
    keep: Sequence[str],
    interval: int,
    sketches: bool,
    only: dict[str, Sequence[int]],
) -> Table:
    """Rows of one tile, summed in the database by the key columns in ``keep`` and by bucket of ``interval``
    minutes (0: the whole tile is one bucket).

    Key columns that are not kept are 0. ``only``: key column -> the values wanted.
    """
    keys = key_columns(by_consumer)
    model = (CONSUMER_TABLES if by_consumer else TABLES)[tile.level]
    time, grouped = _bucket(interval), [name for name in keys[1:] if name in keep]
    joined = "string_agg(words, ''::bytea)" if connection.vendor == "postgresql" else "join_words(words)"
    columns = [time, *(name if name in grouped else "0" for name in keys[1:])]
    # PostgreSQL sums bigint into numeric, which would arrive as Decimal.
    sums = [f"CAST(sum({name}) AS bigint)" for name in SUMS]
    where, parameters = _where(project_id, tile, only)
    by = ", ".join(str(place + 1) for place in range(len(columns)) if place == 0 or keys[place] in grouped)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join([*columns, *sums, 'max(error_extra)', joined if sketches else 'NULL'])}"
            f" FROM {model._meta.db_table} WHERE {where} GROUP BY {by}",
            parameters,
        )
        return _table(cursor.fetchall(), len(keys))


def _bucket(interval: int) -> str:
    if not interval:
        return "0"
    shift = MONDAY if interval == 10_080 else 0
    # A constant that begins with 0 would be read as a column's position by GROUP BY; this never does.
    return f"time - (time + {shift}) %% {int(interval)}"


def _where(project_id: int, tile: Tile, only: dict[str, Sequence[int]]) -> tuple[str, list[Any]]:
    parts = ["project_id = %s", "time >= %s", "time < %s"]
    parameters: list[Any] = [project_id, tile.start, tile.end]
    for name, values in only.items():
        if connection.vendor == "postgresql":
            parts.append(f"{name} = ANY(%s)")
            parameters.append(list(values))
        else:
            parts.append(f"{name} IN (SELECT value FROM json_each(%s))")
            parameters.append("[" + ",".join(map(str, values)) + "]")
    return " AND ".join(parts), parameters


def _table(rows: list[tuple[Any, ...]], keys: int) -> Table:
    if not rows:
        return empty(keys)
    columns = list(zip(*rows, strict=True))
    numbers = [np.array(column, np.int64) for column in columns[:-1]]
    blobs = [bytes(blob or b"") for blob in columns[-1]]
    offsets: Ints = np.concatenate(([0], np.cumsum([len(blob) // 4 for blob in blobs])))
    entries = words.decode(np.frombuffer(b"".join(blobs), "<u4"), offsets)
    return Table(tuple(numbers[:keys]), np.stack(numbers[keys : keys + len(SUMS)], axis=1), numbers[-1], entries)
