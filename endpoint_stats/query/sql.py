"""The one statement that reads rollups, with names and imports, and the snapshot that it reads in."""

import json
import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import psycopg
from django.db import OperationalError, connection, transaction

from endpoint_stats.aggregate.buckets import LEVELS
from endpoint_stats.aggregate.table import SUMS
from endpoint_stats.models import CALLERS, CONSUMERS, FAMILIES, HITS, TOTALS

from . import coverage, names
from .intervals import MONDAY
from .planner import Tile
from .rows import Rows, empty
from .spec import QueryError

MAX_READ = 1_000_000  # rows after summing in the database: about 200 MB here
# The key columns whose values are looked up one by one where few are wanted.
LOOKED_UP = {HITS: ("endpoint",), TOTALS: ("release",), CONSUMERS: ("consumer", "endpoint"), CALLERS: ("consumer",)}
_STEPS = 20_000  # of SQLite's virtual machine between two looks at the clock: about a millisecond


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
    limit = f"SET LOCAL statement_timeout = {max(int(seconds * 1000), 1)}"
    with connection.cursor() as cursor:
        if connection.in_atomic_block:
            with transaction.atomic():
                cursor.execute(limit)
                yield
                cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
            return
        # Not Django's transaction, which takes three ways to the database to begin.
        cursor.execute(f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {limit}")
        try:
            yield
        finally:
            if not connection.connection.closed:
                cursor.execute("ROLLBACK")


@dataclass(frozen=True, slots=True)
class Read:
    """What one answer needs of the rollups: the tiles of one family, summed by bucket of ``step`` minutes (0: the
    whole range is one) and by the key columns in ``keep``.

    sums: the columns of sums that are wanted
    words: whether statuses or sketches are wanted
    only: key column -> the values wanted
    few: whether ``only`` leaves so few of a key column (LOOKED_UP) that each is looked up by itself
    """

    family: str
    tiles: tuple[Tile, ...]
    keep: tuple[str, ...]
    step: int
    sums: tuple[str, ...]
    words: bool
    only: dict[str, Sequence[int]]
    few: bool = False

    def question(self) -> Hashable:
        """Equal for reads that differ only in what they want of each row."""
        only = tuple((name, tuple(values)) for name, values in self.only.items())
        return (self.family, self.tiles, self.keep, self.step, only)

    def with_all_of(self, other: "Read") -> "Read":
        sums = tuple(name for name in SUMS if name in (*self.sums, *other.sums))
        return replace(self, sums=sums, words=self.words or other.words)


@dataclass(frozen=True, slots=True)
class Found:
    """What one statement read: rows for each Read, names by kind, and the spans of imports and hours that were heard
    (coverage.select, coverage.select_heard)."""

    rows: list[Rows]
    names: names.Found
    imports: list[tuple[int, int]]
    heard: list[tuple[int, int]]


def read(
    project_id: int, reads: Sequence[Read], kinds: Sequence[str] = (), span: tuple[int, int] | None = None
) -> Found:
    """All in one statement, one way to the database and back, however much a page shows: the numbers, the names of
    some kinds, and the imports within ``span`` (minutes). Reads of the same rows become one."""
    wanted: dict[Hashable, Read] = {}
    for each in reads:
        if each.tiles:
            known = wanted.get(each.question())
            wanted[each.question()] = each if known is None else known.with_all_of(each)
    found = _execute(project_id, list(wanted.values()), kinds, span)
    rows = {question: _rows(listed, each) for (question, each), listed in zip(wanted.items(), found, strict=False)}
    nothing = {each.family: empty(FAMILIES[each.family].keys) for each in reads}
    rest = found[len(wanted) :]
    return Found(
        [rows.get(each.question(), nothing[each.family]) for each in reads],
        {kind: _names(part) for kind, part in zip(kinds, rest, strict=False)},
        [(row[1], row[2]) for row in rest[-2]] if span else [],
        [(row[1], row[2]) for row in rest[-1]] if span else [],
    )


def _names(listed: list[tuple[Any, ...]]) -> list[tuple[int, list[str]]]:
    said = json.loads(b"[" + b",".join(row[-1] for row in listed) + b"]")
    return list(zip((row[1] for row in listed), said, strict=True))


def _execute(
    project_id: int, reads: Sequence[Read], kinds: Sequence[str], span: tuple[int, int] | None
) -> list[list[tuple[Any, ...]]]:
    """For each read, each kind of names and the span its rows: (place, whole numbers…, bytes)."""
    width = max([2, *(2 + len(each.keep) + len(each.sums) for each in reads)])
    parts = [_select(project_id, place, each, width) for place, each in enumerate(reads)]
    if parts:
        numbers = " UNION ALL ".join(text for text, _ in parts)
        limited = f"SELECT * FROM ({numbers} LIMIT {MAX_READ + 1}) numbers"
        parts = [(limited, [value for _, values in parts for value in values])]
    filler = ", 0" * (width - 1)
    for place, kind in enumerate(kinds, len(reads)):
        text, values = names.select(kind, project_id)
        parts.append((f"SELECT {place}, key{filler}, said FROM ({text}) names", values))
    if span:
        for place, select in enumerate((coverage.select, coverage.select_heard), len(reads) + len(kinds)):
            text, values = select(project_id, *span)
            parts.append((f"SELECT {place}, first, last{filler[3:]}, {_nothing()} FROM ({text}) times", values))
    found: list[list[tuple[Any, ...]]] = [[] for _ in range(len(reads) + len(kinds) + 2 * bool(span))]
    if parts:
        with _cursor() as cursor:
            parameters = [value for _, values in parts for value in values]
            cursor.execute(" UNION ALL ".join(text for text, _ in parts), parameters)
            for row in cursor.fetchall():
                found[row[0]].append(row)
    if sum(map(len, found[: len(reads)])) > MAX_READ:
        raise QueryError(
            "too_many_rows",
            f"That is more than {MAX_READ:,} rows. Ask for a shorter range, a coarser interval or fewer groups.",
        )
    return found


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


def _nothing() -> str:
    return "NULL::bytea" if connection.vendor == "postgresql" else "NULL"


def _select(project_id: int, place: int, each: Read, width: int) -> tuple[str, list[Any]]:
    """Columns: place, bucket, the keys and sums that are wanted, error_extra, zeros up to ``width``, words."""
    joined = "string_agg(words, ''::bytea)" if connection.vendor == "postgresql" else "join_words(words)"
    columns = [str(place), _bucket(each), *each.keep]
    # PostgreSQL sums bigint into numeric, which would arrive as Decimal.
    columns += [f"CAST(sum({name}) AS bigint)" for name in each.sums]
    columns += ["max(error_extra)", *["0"] * (width - 2 - len(each.keep) - len(each.sums))]
    columns.append(joined if each.words else _nothing())
    # No constant among them where it can be helped: SQLite would not see that the rows come in this order. By
    # nothing at all, no rows would become one.
    by = range(2 if each.step or not each.keep else 3, 3 + len(each.keep))
    used = ("time", *each.keep, *each.sums, "error_extra", *(["words"] if each.words else []))
    sources, parameters = [], []
    for tile in each.tiles:
        for text, values in _sources(project_id, each, tile):
            sources.append(f"SELECT {', '.join(used)} FROM {text}")
            parameters += values
    source = " UNION ALL ".join(sources)
    return f"SELECT {', '.join(columns)} FROM ({source}) t GROUP BY {', '.join(map(str, by))}", parameters


def _bucket(each: Read) -> str:
    if not each.step:
        return "0"
    if all(LEVELS[tile.level] == each.step for tile in each.tiles):
        return "time"  # the order of the index: SQLite need not sort
    shift = MONDAY if each.step == 10_080 else 0
    # A constant that begins with 0 would be read as a column's position by GROUP BY; this never does.
    return f"time - (time + {shift}) %% {int(each.step)}"


def _sources(project_id: int, each: Read, tile: Tile) -> list[tuple[str, list[Any]]]:
    """A tile's rows: tables with their conditions, and the parameters. Of a family's rows that are read in order of
    time, few would be wanted where ``few``: there the times with any hits are asked for first, and of each the rows
    looked up. Of consumers' rows of a few endpoints, the consumers of each time as well."""
    table = FAMILIES[each.family].levels[tile.level]._meta.db_table
    span = [project_id, tile.start, tile.end]
    within = "project_id = %s AND time >= %s AND time < %s"
    filters, values = _filters(each.only)
    if not each.few:
        return [(f"{table} WHERE {within}{filters}", [*span, *values])]
    if each.family == CONSUMERS and "consumer" not in each.only:
        return _by_callers(table, each, tile, span)
    times = f"SELECT DISTINCT time AS at FROM {FAMILIES[TOTALS].levels[tile.level]._meta.db_table} WHERE {within}"
    if connection.vendor == "postgresql":
        text = f"{table} WHERE project_id = %s AND time = ANY(ARRAY({times})){filters}"
        return [(text, [project_id, *span, *values])]
    # CROSS JOIN holds SQLite to this order.
    text = f"({times}) CROSS JOIN {table} WHERE project_id = %s AND time = at{filters}"
    return [(text, [*span, project_id, *values])]


def _by_callers(table: str, each: Read, tile: Tile, span: list[Any]) -> list[tuple[str, list[Any]]]:
    """For each endpoint by itself: of a list of them SQLite would scan the times."""
    callers = FAMILIES[CALLERS].levels[tile.level]._meta.db_table
    whose = f"SELECT time AS at, consumer AS who FROM {callers} WHERE project_id = %s AND time >= %s AND time < %s"
    join = "JOIN" if connection.vendor == "postgresql" else "CROSS JOIN"
    text = f"({whose}) callers {join} {table} ON project_id = %s AND time = at AND consumer = who AND endpoint = %s"
    return [(text, [*span, span[0], endpoint]) for endpoint in each.only["endpoint"]]


def _filters(only: dict[str, Sequence[int]]) -> tuple[str, list[Any]]:
    if connection.vendor == "postgresql":
        return "".join(f" AND {name} = ANY(%s)" for name in only), [list(values) for values in only.values()]
    listed = ["[" + ",".join(map(str, values)) + "]" for values in only.values()]
    return "".join(f" AND {name} IN (SELECT value FROM json_each(%s))" for name in only), listed


def _rows(listed: list[tuple[Any, ...]], each: Read) -> Rows:
    if not listed:
        return empty(FAMILIES[each.family].keys)
    columns = list(zip(*listed, strict=True))
    names = ("time", *each.keep, *each.sums, "error_extra")
    numbers = {name: np.array(column, np.int64) for name, column in zip(names, columns[1:], strict=False)}
    blobs = columns[-1] if each.words else ()
    count = len(listed)
    lengths = np.fromiter(map(len, blobs), np.int64, count) // 4 if each.words else np.zeros(count, np.int64)
    return Rows(
        {name: numbers[name] for name in ("time", *each.keep)},
        {name: numbers[name] for name in each.sums},
        numbers["error_extra"],
        np.ones(count, np.int64),
        lengths,
        np.frombuffer(b"".join(blobs), "<u4"),
    )
