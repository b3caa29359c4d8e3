"""All SQL that reads rollups, and the snapshot that it reads in."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from django.db import OperationalError, connection, transaction
from django.db.backends.signals import connection_created
from django.dispatch import receiver

from endpoint_stats.aggregate import words
from endpoint_stats.aggregate.table import SUMS, Ints, Table, empty
from endpoint_stats.models import FAMILIES

from .intervals import MONDAY
from .planner import Tile
from .spec import QueryError

WIDEST = max(len(family.keys) for family in FAMILIES.values())
MAX_READ = 1_000_000  # rows after summing in the database: about 200 MB here
_STEPS = 20_000  # of SQLite's virtual machine between two looks at the clock: about a millisecond


class _JoinWords:
    """SQLite's lack: concatenation of blobs as an aggregate, as PostgreSQL's ``string_agg``."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.step = self.parts.append

    def finalize(self) -> bytes:
        return b"".join(self.parts)


@receiver(connection_created)
def add_aggregate(sender: Any, connection: Any, **kwargs: Any) -> None:
    if connection.vendor == "sqlite":
        connection.connection.create_aggregate("join_words", 1, _JoinWords)


@contextmanager
def snapshot(seconds: float) -> Iterator[None]:
    """One state of the database for all reads within, without the write lock, for so long at most.

    Raises QueryError("time_limit") when that is over.
    """
    end = time.monotonic() + seconds
    connection.ensure_connection()
    try:
        with _sqlite_snapshot(end) if connection.vendor == "sqlite" else _postgresql_snapshot(seconds):
            yield
    except OperationalError as error:
        if time.monotonic() < end:
            raise
        raise QueryError(
            "time_limit",
            f"This took longer than {seconds:g} s and was stopped. Ask for a shorter range, a coarser interval or fewer"
            " groups.",
        ) from error


@contextmanager
def _sqlite_snapshot(end: float) -> Iterator[None]:
    raw = connection.connection
    raw.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    # Deferred: Django's own transactions are IMMEDIATE here, and readers would wait for the writer. Where the caller
    # has a transaction, that is the snapshot.
    own = not connection.in_atomic_block
    try:
        if own:
            raw.execute("BEGIN DEFERRED")
        yield
    finally:
        raw.set_progress_handler(None, 0)
        if own:
            raw.execute("ROLLBACK")


@contextmanager
def _postgresql_snapshot(seconds: float) -> Iterator[None]:
    outer = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if not outer:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(f"SET LOCAL statement_timeout = {max(int(seconds * 1000), 1)}")
        yield
        if outer:
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")


@dataclass(frozen=True, slots=True)
class Read:
    """What one answer needs of the rollups: the tiles of one family, summed by bucket of ``step`` minutes (0: the
    whole range is one) and by the key columns in ``keep``; the others are 0.

    only: key column -> the values wanted.
    """

    family: str
    tiles: tuple[Tile, ...]
    keep: tuple[str, ...]
    step: int
    sketches: bool
    only: dict[str, Sequence[int]]
    statuses: bool = False  # whether entries must say their status


def read(project_id: int, reads: Sequence[Read]) -> list[Table]:
    """A table for each read, in one statement: one way to the database and back, however much a page shows."""
    wanted = [(place, each) for place, each in enumerate(reads) if each.tiles]
    tables = [empty(len(FAMILIES[each.family].keys)) for each in reads]
    if not wanted:
        return tables
    parts, parameters = [], []
    for place, each in wanted:
        text, values = _select(project_id, place, each)
        parts.append(text)
        parameters += values
    with _cursor() as cursor:
        cursor.execute(f"{' UNION ALL '.join(parts)} LIMIT {MAX_READ + 1}", parameters)
        rows = cursor.fetchall()
    if len(rows) > MAX_READ:
        raise QueryError(
            "too_many_rows",
            f"That is more than {MAX_READ:,} rows. Ask for a shorter range, a coarser interval or fewer groups.",
        )
    for place, listed in _by_place(rows).items():
        tables[place] = _table(listed, reads[place])
    return tables


@contextmanager
def _cursor() -> Iterator[Any]:
    """On PostgreSQL one that takes sketches as bytes: as text they would be twice as long, and written and read again
    digit by digit. Django's own knows text only."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            yield cursor
        return
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.format = psycopg.pq.Format.BINARY
        yield cursor


def _by_place(rows: list[tuple[Any, ...]]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return found


def _select(project_id: int, place: int, each: Read) -> tuple[str, list[Any]]:
    keys = FAMILIES[each.family].keys
    grouped = [name for name in keys[1:] if name in each.keep]
    postgresql = connection.vendor == "postgresql"
    joined = "string_agg(words, ''::bytea)" if postgresql else "join_words(words)"
    nothing = "NULL::bytea" if postgresql else "NULL"
    columns = [str(place), _bucket(each.step), *(name if name in grouped else "0" for name in keys[1:])]
    columns += ["0"] * (1 + WIDEST - len(columns))
    # PostgreSQL sums bigint into numeric, which would arrive as Decimal.
    columns += [f"CAST(sum({name}) AS bigint)" for name in SUMS]
    columns += ["max(error_extra)", joined if each.sketches else nothing]
    by = [at for at in range(1, 2 + len(keys)) if at <= 2 or keys[at - 2] in grouped]
    used = ("time", *grouped, *SUMS, "error_extra", *(["words"] if each.sketches else []))
    sources, parameters = [], []
    for tile in each.tiles:
        where, values = _where(project_id, tile, each.only)
        table = FAMILIES[each.family].levels[tile.level]._meta.db_table
        sources.append(f"SELECT {', '.join(used)} FROM {table} WHERE {where}")
        parameters += values
    source = " UNION ALL ".join(sources)
    return f"SELECT {', '.join(columns)} FROM ({source}) t GROUP BY {', '.join(map(str, by))}", parameters


def _bucket(step: int) -> str:
    if not step:
        return "0"
    shift = MONDAY if step == 10_080 else 0
    # A constant that begins with 0 would be read as a column's position by GROUP BY; this never does.
    return f"time - (time + {shift}) %% {int(step)}"


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


def _table(rows: list[tuple[Any, ...]], each: Read) -> Table:
    columns = list(zip(*rows, strict=True))[1:]
    numbers = [np.array(column, np.int64) for column in columns[:-1]]
    blobs = [bytes(blob or b"") for blob in columns[-1]]
    offsets: Ints = np.concatenate(([0], np.cumsum([len(blob) // 4 for blob in blobs])))
    decode = words.decode if each.statuses else words.decode_slots
    entries = decode(np.frombuffer(b"".join(blobs), "<u4"), offsets)
    keys = len(FAMILIES[each.family].keys)
    return Table(tuple(numbers[:keys]), np.stack(numbers[WIDEST : WIDEST + len(SUMS)], axis=1), numbers[-1], entries)
