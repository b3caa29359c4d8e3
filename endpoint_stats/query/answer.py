"""One query being answered: what it needs read, and what the tables that were read say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from endpoint_stats.aggregate.buckets import minute_of
from endpoint_stats.aggregate.sketch import ALPHA
from endpoint_stats.aggregate.table import Ints, Table, combine, concatenate, empty, group, take, with_keys
from endpoint_stats.metrics import METRICS
from endpoint_stats.models import FAMILIES

from . import compute
from .coverage import Spans, covered
from .journal import Waiting
from .names import COLUMNS, LABELS, NameTable
from .planner import Plan, plan
from .spec import Query, QueryError
from .sql import Read

NOT_BY_STATUS = {"duration", "mean", "request_bytes", "response_bytes", "consumers"}


@dataclass(frozen=True, slots=True)
class Result:
    """The answer. Rows are dictionaries of group names, ``time`` (where an interval was asked) and metrics; a row
    whose error is larger than the sketch's says so itself, under ``error_bound``."""

    query: Query
    rows: list[dict[str, Any]]
    totals: dict[str, Any]
    error_bound: float
    levels: list[str]
    as_of: datetime
    coverage: float
    version: str
    coverage_previous: float | None = None  # of the range that was compared with


def check_status(query: Query) -> None:
    names = {*query.group_by, *(name for name, _ in query.filters)}
    lacking = sorted(NOT_BY_STATUS.intersection(query.metrics))
    if "status" in names and lacking:
        raise QueryError("unanswerable", f"{', '.join(lacking)} cannot be asked by status. Leave out one of the two.")
    for name, values in query.filters:
        if name == "status" and not all(_is_status(value) for value in values):
            raise QueryError("unknown_value", "status is a number such as 404, or a class such as 5xx.")


def _is_status(value: str) -> bool:
    return len(value) == 3 and value[0] in "12345" and (value[1:].isdecimal() or value[1:] == "xx")


class Answer:
    """``reads`` first, then ``result`` with the tables of those reads, in their order."""

    def __init__(self, query: Query, waiting: Waiting, names: NameTable) -> None:
        """Raises QueryError for what cannot be answered."""
        check_status(query)
        self.query, self.waiting, self.names = query, waiting, names
        self.plan: Plan = plan(query, waiting.available)
        self.only = names.wanted(query)
        self.by_status = "status" in query.group_by or any(name == "status" for name, _ in query.filters)
        self.callers = Answer(_callers(query), waiting, names) if _asks_consumers(query) else None
        self.before = Answer(query.previous(), waiting, names) if query.compare else None

    def reads(self) -> list[Read]:
        own = Read(
            self.plan.family,
            self.plan.tiles,
            tuple(sorted({COLUMNS[name] for name in self.query.group_by if name in COLUMNS})),
            self.plan.buckets.step if self.plan.buckets else 0,
            self.by_status or any(METRICS[name].sketch for name in self.query.metrics),
            self.only,
            self.by_status,
        )
        return [own, *(read for other in (self.callers, self.before) if other for read in other.reads())]

    def span(self) -> tuple[datetime, datetime]:
        """From the first start to the last end of what is looked at."""
        parts = [self.query, *([self.before.query] if self.before else [])]
        return min(part.start for part in parts), max(part.end for part in parts)

    def result(self, tables: Iterator[Table], now: datetime, observed: Spans) -> Result:
        """``observed``: what was observed of the ranges of the query, see coverage.spans."""
        query = self.query
        self._take(tables)
        keys, index = group(self.columns)
        groups = compute.Groups.of(self.table, index, len(keys[0]), self._bucket_seconds(keys[0]))
        rows = self._rows(keys, groups)
        whole = groups.together(self._seconds())
        totals = {name: self._metric(name, whole, np.zeros(1, np.int64), total=True)[0] for name in query.metrics}
        before = None
        if self.before is not None:
            before = self.before.result(tables, now, observed)
            self._add_previous(rows, before, self.before._times())
            totals |= {f"{name}_previous": before.totals[name] for name in query.metrics}
        order = query.order or ("time" if query.interval else f"-{query.metrics[0]}")
        ordering = [(order.removeprefix("-"), order.startswith("-")), *((name, False) for name in query.group_by)]
        rows = compute.order_rows(rows, ordering)
        return Result(
            query,
            rows[: query.limit] if query.limit else rows,
            totals,
            round(float(whole.error_bound[0]), 4),
            self.plan.levels(),
            now,
            covered(observed, query.start, query.end, now),
            self.waiting.version,
            None if before is None else before.coverage,
        )

    def _take(self, tables: Iterator[Table]) -> None:
        """The rows that were read and those that wait, by bucket and group."""
        parts = [empty(len(FAMILIES[self.plan.family].keys)), next(tables)]
        parts += [self.waiting.part(self.plan.family, tile, self.only) for tile in self.plan.tiles]
        self.table = self._bucketed(concatenate(parts))
        statuses = None
        if self.by_status:
            self.table, statuses = self._filter_status(*compute.by_status(self.table))
        self.columns = [self.table.keys[0], *self._group_columns(statuses)]
        if self.callers is not None:
            self.callers._take(tables)

    def _bucketed(self, table: Table) -> Table:
        time = table.keys[0]
        bucket = self.plan.buckets.of(time) if self.plan.buckets else np.zeros_like(time)
        return with_keys(table, (bucket, *table.keys[1:]))

    def _filter_status(self, table: Table, statuses: Ints) -> tuple[Table, Ints]:
        for name, values in self.query.filters:
            if name == "status":
                exact = [int(value) for value in values if value.isdecimal()]
                classes = [int(value[0]) for value in values if not value.isdecimal()]
                keep = np.isin(statuses, exact) | np.isin(statuses // 100, classes)
                table, statuses = take(table, keep), statuses[keep]
        return table, statuses

    def _group_columns(self, statuses: Ints | None) -> list[Ints]:
        """For each group a column of codes; ``meaning`` gives for each what a row says of it."""
        keys = dict(zip(FAMILIES[self.plan.family].keys, self.table.keys, strict=True))
        columns = []
        self.meaning: list[list[dict[str, Any]]] = []
        for name in self.query.group_by:
            column = statuses if name == "status" and statuses is not None else keys[COLUMNS[name]]
            unique, index = np.unique(column, return_inverse=True)
            labels = self.names.labels(name, unique.tolist())
            codes: dict[tuple[Any, ...], int] = {}
            code = np.array([codes.setdefault(tuple(label.values()), len(codes)) for label in labels], np.int64)
            meaning = {int(at): label for at, label in zip(code, labels, strict=True)}
            self.meaning.append([meaning[at] for at in range(len(codes))])
            columns.append(code[index] if len(labels) else np.zeros(0, np.int64))
        return columns

    def _rows(self, keys: tuple[Ints, ...], groups: compute.Groups) -> list[dict[str, Any]]:
        query = self.query
        metrics = {name: self._metric(name, groups, keys, total=False) for name in query.metrics}
        worse = (groups.error_bound > ALPHA).tolist()
        times = _iso(keys[0]) if query.interval else []
        rows = []
        # A group may have come to nothing: what a rollback takes away stands in the journal beside what was added.
        for at in np.flatnonzero(groups.sums["requests"]).tolist():
            row: dict[str, Any] = {}
            for labels, column in zip(self.meaning, keys[1:], strict=True):
                row |= labels[int(column[at])]
            if query.interval:
                row["time"] = times[at]
            row |= {name: values[at] for name, values in metrics.items()}
            if worse[at]:
                row["error_bound"] = round(float(groups.error_bound[at]), 4)
            rows.append(row)
        return self._without_gaps(rows) if self.plan.buckets and not query.group_by else rows

    def _without_gaps(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Every bucket of the range, the empty ones with what their metrics say of nothing."""
        nothing = {name: METRICS[name].empty for name in self.query.metrics}
        held = {row["time"]: row for row in rows}
        return [held.get(time, {"time": time, **nothing}) for time in self._times()]

    def _times(self) -> list[str]:
        return _iso(self.plan.buckets.starts[:-1]) if self.plan.buckets else []

    def _metric(self, name: str, groups: compute.Groups, keys: Any, *, total: bool) -> compute.Column:
        if METRICS[name].consumers:
            return self._consumers(keys, groups.count, total)
        return groups.column(name, self.waiting.apdex_seconds)

    def _consumers(self, keys: Any, count: int, total: bool) -> compute.Column:
        """Distinct consumers, from the consumers' rollups: by endpoint and hour at the finest."""
        assert self.callers is not None
        table = combine(self.callers.table)
        table = take(table, table.sums[:, 0] > 0)
        who = table.keys[1]
        if total:
            return list(compute.distinct(np.zeros(len(who), np.int64), who, 1))
        self.callers.table = table
        columns = [table.keys[0], *self.callers._group_columns(None)]
        # The other answer numbers its groups its own way; they are found again by what they say.
        place = {label: at for at, label in enumerate(_said(self.meaning, keys))}
        theirs = _said(self.callers.meaning[:-1], columns[:-1])
        index = np.array([place.get(label, -1) for label in theirs], np.int64)
        return list(compute.distinct(index[index >= 0], who[index >= 0], count))

    def _add_previous(self, rows: list[dict[str, Any]], before: Result, times: list[str]) -> None:
        """Each row's metrics in the range before, as ``<metric>_previous``; None where there is no such row. Buckets
        are matched by their place in the range, since a day may have 23 hours."""
        metrics = self.query.metrics
        theirs, own = ({time: at for at, time in enumerate(listed)} for listed in (times, self._times()))
        held = {(theirs.get(row.get("time", "")), self._said_of(row)): row for row in before.rows}
        for row in rows:
            match = held.get((own.get(row.get("time", "")), self._said_of(row)), {})
            row |= {f"{name}_previous": match.get(name) for name in metrics}

    def _said_of(self, row: dict[str, Any]) -> tuple[Any, ...]:
        """All that a row says of its groups: two services may have an endpoint of one name."""
        return tuple(row[name] for group_name in self.query.group_by for name in LABELS[group_name])

    def _seconds(self) -> float:
        return (self.query.end - self.query.start).total_seconds()

    def _bucket_seconds(self, first: Ints) -> Any:
        """Seconds of each bucket that lie within the range: a rate at its edges is not diluted."""
        if self.plan.buckets is None:
            return np.full(len(first), self._seconds())
        return self.plan.buckets.seconds(first, minute_of(self.query.start), minute_of(self.query.end)).astype(float)


def _asks_consumers(query: Query) -> bool:
    if not any(METRICS[name].consumers for name in query.metrics):
        return False
    names = {*query.group_by, *(name for name, _ in query.filters)}
    if names & {"release", "traffic"} or (query.interval and query.interval % 60):
        raise QueryError(
            "unanswerable",
            "Consumers are counted by endpoint and hour. Ask without release and traffic, by the hour or coarser.",
        )
    return "consumer" not in names


def _callers(query: Query) -> Query:
    group_by = (*query.group_by, "consumer")
    return replace(query, metrics=("requests",), group_by=group_by, compare="", order="", limit=0)


def _said(meaning: list[list[dict[str, Any]]], columns: Sequence[Ints]) -> list[tuple[Any, ...]]:
    """For each row its bucket and what its groups say, whatever their codes are."""
    words = [[tuple(label.values()) for label in labels] for labels in meaning]
    parts = [[said[code] for code in column.tolist()] for said, column in zip(words, columns[1:], strict=True)]
    return list(zip(columns[0].tolist(), *parts, strict=True))


def _iso(minutes: Ints) -> list[str]:
    """Minutes since 1970 as RFC 3339 times."""
    return [f"{text}Z" for text in np.datetime_as_string((minutes * 60).astype("datetime64[s]")).tolist()]
