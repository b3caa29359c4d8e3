"""``run(query, now)``: the one way in which anything reads numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from endpoint_stats.aggregate.buckets import moment_of
from endpoint_stats.aggregate.table import Ints, Table, combine, concatenate, empty, group, take, with_keys
from endpoint_stats.metrics import METRICS
from endpoint_stats.models import ProjectSettings

from . import compute, sql
from .coverage import covered
from .journal import Waiting, waiting
from .names import COLUMNS, NameTable
from .planner import Plan, bucket_start, plan
from .spec import Query, QueryError

NOT_BY_STATUS = {"mean", "request_bytes", "response_bytes", "consumers"}


@dataclass(frozen=True, slots=True)
class Result:
    """The answer. Rows are dictionaries of group names, ``time`` (where an interval was asked) and metrics."""

    query: Query
    rows: list[dict[str, Any]]
    totals: dict[str, Any]
    error_bound: float
    levels: list[str]
    as_of: datetime
    coverage: float
    version: str


def run(query: Query, now: datetime) -> Result:
    """Answer ``query``. Raises QueryError (a 422 with its reason) where it cannot be answered exactly."""
    _check_status(query)
    with sql.snapshot():
        result = _Run(query).result(now)
        if query.compare:
            _add_previous(result, _Run(query.previous()).result(now))
    return result


def _check_status(query: Query) -> None:
    names = {*query.group_by, *(name for name, _ in query.filters)}
    lacking = sorted(NOT_BY_STATUS.intersection(query.metrics))
    if "status" in names and lacking:
        raise QueryError("unanswerable", f"{', '.join(lacking)} cannot be asked by status. Leave out one of the two.")
    for name, values in query.filters:
        if name == "status" and not all(_is_status(value) for value in values):
            raise QueryError("unknown_value", "status is a number such as 404, or a class such as 5xx.")


def _is_status(value: str) -> bool:
    return len(value) == 3 and value[0] in "12345" and (value[1:].isdecimal() or value[1:] == "xx")


class _Run:
    """One query being answered, inside the snapshot."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.names = NameTable(query.project_id)
        self.waiting: Waiting = waiting(query.project_id)
        self.plan: Plan = plan(query, self.waiting.available)
        self.only = self.names.wanted(query)
        self.by_status = "status" in query.group_by or any(name == "status" for name, _ in query.filters)
        self.settings = ProjectSettings.objects.filter(project_id=query.project_id).first() or ProjectSettings()

    def result(self, now: datetime) -> Result:
        query = self.query
        table = self._read(self.plan.by_consumer, self._kept())
        statuses = None
        if self.by_status:
            table, statuses = compute.by_status(table)
            table, statuses = self._filter_status(table, statuses)
        columns = [table.keys[0], *self._group_columns(table, statuses)]
        keys, index = group(columns)
        rows = self._rows(keys, index, table)
        order = query.order or ("time" if query.interval else f"-{query.metrics[0]}")
        ordering = [(order.lstrip("-"), order.startswith("-")), *((name, False) for name in query.group_by)]
        rows = compute.order_rows(rows, ordering)
        whole = compute.Groups(table, np.zeros(len(table), np.int64), 1, np.array([self._seconds()]))
        totals = {name: self._metric(name, whole, np.zeros(1, np.int64), total=True)[0] for name in query.metrics}
        return Result(
            query,
            rows[: query.limit] if query.limit else rows,
            totals,
            round(float(whole.error_bound[0]), 4),
            self.plan.levels(),
            now,
            covered(query, now),
            self.waiting.version,
        )

    def _kept(self) -> set[str]:
        """The key columns that the answer needs apart."""
        return {COLUMNS[name] for name in self.query.group_by if name in COLUMNS}

    def _read(self, by_consumer: bool, keep: set[str]) -> Table:
        """All tiles and the journal's part of them, by bucket and the kept key columns."""
        query = self.query
        sketches = self.by_status or any(METRICS[name].sketch for name in query.metrics)
        tables = [empty(len(sql.key_columns(by_consumer)))]
        for tile in self.plan.tiles:
            tables.append(
                sql.read(
                    query.project_id,
                    tile,
                    by_consumer=by_consumer,
                    keep=sorted(keep),
                    interval=query.interval,
                    sketches=sketches,
                    only=self.only,
                )
            )
            tables.append(self._bucketed(self.waiting.part(tile, by_consumer, self.only)))
        return concatenate(tables)

    def _bucketed(self, table: Table) -> Table:
        interval = self.query.interval
        time = table.keys[0]
        bucket = bucket_start(time, interval) if interval else np.zeros_like(time)  # type: ignore[arg-type]
        return with_keys(table, (bucket, *table.keys[1:]))  # type: ignore[arg-type]

    def _filter_status(self, table: Table, statuses: Ints) -> tuple[Table, Ints]:
        for name, values in self.query.filters:
            if name == "status":
                exact = [int(value) for value in values if value.isdecimal()]
                classes = [int(value[0]) for value in values if not value.isdecimal()]
                keep = np.isin(statuses, exact) | np.isin(statuses // 100, classes)
                table, statuses = take(table, keep), statuses[keep]
        return table, statuses

    def _group_columns(self, table: Table, statuses: Ints | None) -> list[Ints]:
        """For each group a column of codes; ``_labels`` gives their meaning back."""
        keys = dict(zip(sql.key_columns(self.plan.by_consumer), table.keys, strict=True))
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

    def _rows(self, keys: tuple[Ints, ...], index: Ints, table: Table) -> list[dict[str, Any]]:
        query = self.query
        count = len(keys[0])
        groups = compute.Groups(table, index, count, self._bucket_seconds(keys[0]))
        metrics = {name: self._metric(name, groups, keys, total=False) for name in query.metrics}
        rows = []
        # A group may have come to nothing: what a rollback takes away stands in the journal beside what was added.
        for at in np.flatnonzero(groups.sums["requests"]).tolist():
            row: dict[str, Any] = {}
            for labels, column in zip(self.meaning, keys[1:], strict=True):
                row |= labels[int(column[at])]
            if query.interval:
                row["time"] = _iso(int(keys[0][at]))
            rows.append(row | {name: values[at] for name, values in metrics.items()})
        return self._without_gaps(rows) if query.interval and not query.group_by else rows

    def _without_gaps(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Every bucket of the range, the empty ones with what their metrics say of nothing."""
        query = self.query
        nothing = {name: METRICS[name].empty for name in query.metrics}
        held = {row["time"]: row for row in rows}
        first = bucket_start(_minute(query.start), query.interval)
        starts = range(first, _minute(query.end), query.interval)
        return [held.get(time, {"time": time, **nothing}) for time in map(_iso, starts)]

    def _metric(self, name: str, groups: compute.Groups, keys: Any, *, total: bool) -> compute.Column:
        if METRICS[name].consumers:
            return self._consumers(keys, groups.count, total)
        return groups.column(name, self.settings.apdex_seconds)

    def _consumers(self, keys: Any, count: int, total: bool) -> compute.Column:
        """Distinct consumers, from the consumers' rollups: by endpoint and hour at the finest."""
        query = self.query
        names = {*query.group_by, *(name for name, _ in query.filters)}
        if names & {"release", "traffic"} or (query.interval and query.interval % 60):
            raise QueryError(
                "unanswerable",
                "Consumers are counted by endpoint and hour. Ask without release and traffic, by the hour or coarser.",
            )
        asked = Query(
            query.project_id, query.start, query.end, ("requests",), (*query.group_by, "consumer"), query.interval,
            query.filters,
        )  # fmt: skip
        run = _Run(asked)
        table = combine(run._read(True, run._kept()))
        table = take(table, table.sums[:, 0] > 0)
        columns = [table.keys[0], *run._group_columns(table, None)]
        who = table.keys[1]
        if total:
            return list(compute.distinct(np.zeros(len(who), np.int64), who, 1))
        # The other run numbers its groups its own way; they are found again by what they say.
        place = {label: at for at, label in enumerate(_said(self.meaning, keys))}
        theirs = _said(run.meaning[:-1], columns[:-1])
        index = np.array([place.get(label, -1) for label in theirs], np.int64)
        return list(compute.distinct(index[index >= 0], who[index >= 0], count))

    def _seconds(self) -> float:
        return (self.query.end - self.query.start).total_seconds()

    def _bucket_seconds(self, buckets: Ints) -> Any:
        """Seconds of each bucket that lie within the range: a rate at its edges is not diluted."""
        query = self.query
        if not query.interval:
            return np.full(len(buckets), self._seconds())
        start = np.maximum(buckets, _minute(query.start))
        end = np.minimum(buckets + query.interval, _minute(query.end))
        return (end - start) * 60.0


def _said(meaning: list[list[dict[str, Any]]], columns: Sequence[Ints]) -> list[tuple[Any, ...]]:
    """For each row its bucket and what its groups say, whatever their codes are."""
    words = [[tuple(label.values()) for label in labels] for labels in meaning]
    parts = [[said[code] for code in column.tolist()] for said, column in zip(words, columns[1:], strict=True)]
    return list(zip(columns[0].tolist(), *parts, strict=True))


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


def _iso(minute: int) -> str:
    return moment_of(minute).strftime("%Y-%m-%dT%H:%M:%SZ")


def _add_previous(result: Result, before: Result) -> None:
    """Each row's metrics in the range before, as ``<metric>_previous``; None where there is no such row."""
    query = result.query
    held: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in before.rows:
        time = row.get("time")
        moved = _iso(_minute(datetime.fromisoformat(time) + query.shift)) if time else None
        held[(moved, *(row.get(name) for name in query.group_by))] = row
    for row in result.rows:
        match = held.get((row.get("time"), *(row.get(name) for name in query.group_by)), {})
        row |= {f"{name}_previous": match.get(name) for name in query.metrics}
    result.totals.update({f"{name}_previous": before.totals[name] for name in query.metrics})
