"""One query being answered: what it needs read, and what the tables that were read say."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from endpoint_stats.aggregate.buckets import minute_of
from endpoint_stats.aggregate.sketch import ALPHA
from endpoint_stats.aggregate.table import SUMS, Ints, add_up, group
from endpoint_stats.metrics import METRICS

from . import compute, sql
from .coverage import Spans, covered
from .journal import Waiting
from .names import COLUMNS, LABELS, NameTable
from .planner import Plan, plan
from .rows import Rows, by_status, concatenate, sliding, take, with_times
from .spec import Query, QueryError
from .sql import Read

Columns = dict[str, list[Any]]
HANDFUL, MANY = 4, 16  # names wanted at most to look each up, and how many times as many there must be
NOT_BY_STATUS = {"duration", "mean", "request_bytes", "response_bytes", "consumers"}


@dataclass(frozen=True)
class Result:
    """The answer. ``columns`` has by name what each row says: group names, ``time`` (where an interval was asked) and
    metrics; ``worse`` has by place the error bound of rows whose error is larger than the sketch's."""

    query: Query
    columns: Columns
    totals: dict[str, Any]
    error_bound: float
    levels: list[str]
    as_of: datetime
    coverage: float
    version: str
    coverage_previous: float | None = None  # of the range that was compared with
    worse: dict[int, float] = field(default_factory=dict)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows as dictionaries. Made when asked for: thousands of them take longer than all their numbers."""
        names = tuple(self.columns)
        rows = [dict(zip(names, values, strict=True)) for values in zip(*self.columns.values(), strict=True)]
        for place, bound in self.worse.items():
            rows[place]["error_bound"] = round(bound, 4)
        return rows


@dataclass(slots=True)
class Solved:
    """The columns of ``count`` rows in no order, and the rest of a result."""

    columns: Columns
    count: int
    totals: dict[str, Any]
    error_bound: float
    worse: dict[int, float]

    def ordered(self, query: Query) -> tuple[Columns, dict[int, float]]:
        """The columns and the error bounds in the order that was asked for, as far as its limit."""
        order = query.order or ("time" if query.interval else f"-{query.metrics[0]}")
        columns, worse = self.columns, self.worse
        if query.group_by or order != "time":
            keys = [(order.removeprefix("-"), order.startswith("-")), *((name, False) for name in query.group_by)]
            places = compute.order_of(columns, self.count, keys)
            columns = {name: [column[at] for at in places] for name, column in columns.items()}
            worse = {at: worse[place] for at, place in enumerate(places) if place in worse} if worse else worse
        if query.limit:
            columns = {name: column[: query.limit] for name, column in columns.items()}
            worse = {at: bound for at, bound in worse.items() if at < query.limit}
        return columns, worse


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
    """``reads`` first, then ``result`` with the rows of those reads, in their order."""

    def __init__(self, query: Query, waiting: Waiting, names: NameTable) -> None:
        """Raises QueryError for what cannot be answered."""
        check_status(query)
        self.query, self.waiting, self.names = query, waiting, names
        self.plan: Plan = plan(query, waiting.available)
        self.only = names.wanted(query)
        self.by_status = "status" in query.group_by or any(name == "status" for name, _ in query.filters)
        self.keep = tuple(sorted({COLUMNS[name] for name in query.group_by if name in COLUMNS}))
        # By status there are no sums in the rollups: they are counted from the words.
        self.sums = () if self.by_status else _sums(query)
        self.sketched = any(METRICS[name].sketch for name in query.metrics)
        self.callers = Answer(_callers(query), waiting, names) if _asks_consumers(query) else None
        self.before = Answer(query.previous(), waiting, names) if query.compare else None

    def reads(self) -> list[Read]:
        own = Read(
            self.plan.family,
            self.plan.tiles,
            self.keep,
            self.plan.buckets.step if self.plan.buckets else 0,
            self.sums,
            self.by_status or self.sketched,
            self.only,
            self._few(),
        )
        return [own, *(read for other in (self.callers, self.before) if other for read in other.reads())]

    def lacking(self) -> set[str]:
        """The kinds of names that are to be read with the numbers."""
        others = (self.callers, self.before)
        return self.names.lacking(self.query).union(*(other.lacking() for other in others if other))

    def _few(self) -> bool:
        """Whether the filters leave a handful of many names of a key that rollups are kept by after the time."""
        return any(
            0 < len(self.only.get(key, ())) <= HANDFUL and len(self.only[key]) * MANY <= self.names.count(key)
            for key in sql.LOOKED_UP[self.plan.family]
        )

    def span(self) -> tuple[datetime, datetime]:
        """From the first start to the last end of what is looked at."""
        parts = [self.query, *([self.before.query] if self.before else [])]
        return min(part.start for part in parts), max(part.end for part in parts)

    def result(self, rows: Iterator[Rows], now: datetime, observed: Spans) -> Result:
        """``observed``: what was observed of the ranges of the query, see coverage.spans."""
        query, before = self.query, self.before
        solved = self._solve(rows)
        if before is not None:
            self._add_previous(solved, before._solve(rows))
        columns, worse = solved.ordered(query)
        return Result(
            query,
            columns,
            solved.totals,
            round(solved.error_bound, 4),
            self.plan.levels(),
            now,
            covered(observed, query.start, query.end, now),
            self.waiting.version,
            None if before is None else covered(observed, before.query.start, before.query.end, now),
            worse,
        )

    def _solve(self, found: Iterator[Rows]) -> "Solved":
        """The groups of what was read and what waits, without an order."""
        self._take(found)
        keys, index = group(self.columns)
        groups = compute.Groups.of(self.rows, index, self._bucket_seconds(keys[0]), sketched=self.sketched)
        columns, worse = self._columns(keys, groups)
        whole = groups.together(self._seconds())
        nobody = (np.zeros(1, np.int64),)
        # Windows overlap: together they are nothing.
        metrics = () if self.query.window else self.query.metrics
        totals = {name: self._metric(name, whole, nobody, total=True)[0] for name in metrics}
        count = len(next(iter(columns.values())))
        return Solved(columns, count, totals, float(whole.error_bound[0]), worse)

    def _take(self, found: Iterator[Rows]) -> None:
        """The rows that were read and those that wait, by bucket and group."""
        parts = [next(found)]
        parts += [self.waiting.part(self.plan.family, tile, self.only) for tile in self.plan.tiles]
        self.rows = self._looked_back_to(concatenate(parts, ("time", *self.keep), self.sums))
        statuses = None
        if self.by_status:
            self.rows, statuses = self._filter_status(*by_status(self.rows))
        time = self.rows.keys["time"]
        bucket = self.plan.buckets.of(time) if self.plan.buckets else np.zeros_like(time)
        self.columns = [bucket, *self._group_columns(statuses)]
        if self.callers is not None:
            self.callers._take(found)

    def _looked_back_to(self, rows: Rows) -> Rows:
        query, time = self.query, rows.keys["time"]
        if not query.window:
            return rows
        strides = query.window // query.interval
        whole = with_times(rows, time - time % query.interval)
        return sliding(whole, query.interval, strides, minute_of(query.start), minute_of(query.end))

    def _filter_status(self, rows: Rows, statuses: Ints) -> tuple[Rows, Ints]:
        for name, values in self.query.filters:
            if name == "status":
                exact = [int(value) for value in values if value.isdecimal()]
                classes = [int(value[0]) for value in values if not value.isdecimal()]
                keep = np.isin(statuses, exact) | np.isin(statuses // 100, classes)
                rows, statuses = take(rows, keep), statuses[keep]
        return rows, statuses

    def _group_columns(self, statuses: Ints | None) -> list[Ints]:
        """For each group a column of codes; ``meaning`` gives for each what a row says of it."""
        columns = []
        self.meaning: list[list[dict[str, Any]]] = []
        for name in self.query.group_by:
            column = statuses if name == "status" and statuses is not None else self.rows.keys[COLUMNS[name]]
            unique, index = np.unique(column, return_inverse=True)
            labels = self.names.labels(name, unique.tolist())
            codes: dict[tuple[Any, ...], int] = {}
            code = np.array([codes.setdefault(tuple(label.values()), len(codes)) for label in labels], np.int64)
            meaning = {int(at): label for at, label in zip(code, labels, strict=True)}
            self.meaning.append([meaning[at] for at in range(len(codes))])
            columns.append(code[index] if len(labels) else np.zeros(0, np.int64))
        return columns

    def _columns(self, keys: tuple[Ints, ...], groups: compute.Groups) -> tuple[Columns, dict[int, float]]:
        """What rows say, by name, and by place the error bound of those whose error is larger than the sketch's."""
        query = self.query
        # A group may have come to nothing: what a rollback takes away stands in the journal beside what was added.
        there = np.flatnonzero(groups.sums["requests"])
        columns: Columns = {}
        for name, labels, codes in zip(query.group_by, self.meaning, keys[1:], strict=True):
            for said in LABELS[name]:
                words = np.array([label[said] for label in labels], object)
                columns[said] = words[codes[there]].tolist()
        every = self.plan.buckets is not None and not query.group_by
        places: Sequence[int] = range(len(there))
        if self.plan.buckets is not None:
            starts = self.plan.buckets.starts[:-1]
            bucket = np.searchsorted(starts, keys[0][there])
            columns["time"] = self.times if every else np.array(self.times, object)[bucket].tolist()
            places = bucket.tolist() if every else places
        for name in query.metrics:
            values = self._metric(name, groups, keys, total=False)
            if len(there) < groups.count:
                values = [values[at] for at in there.tolist()]
            # Every bucket of the range is a row, the empty ones with what the metric says of nothing.
            columns[name] = _spread(values, places, len(columns["time"]), METRICS[name].empty) if every else values
        bounds = groups.error_bound[there].tolist()
        worse = {place: bound for place, bound in zip(places, bounds, strict=True) if bound > ALPHA}
        return columns, worse

    @cached_property
    def times(self) -> list[str]:
        return _iso(self.plan.buckets.starts[:-1]) if self.plan.buckets else []

    def _metric(self, name: str, groups: compute.Groups, keys: Any, *, total: bool) -> compute.Column:
        if METRICS[name].consumers:
            return self._consumers(keys, groups.count, total)
        return groups.column(name, self.waiting.apdex_seconds)

    def _consumers(self, keys: Any, count: int, total: bool) -> compute.Column:
        """Distinct consumers, from the consumers' rollups: by endpoint and hour at the finest."""
        assert self.callers is not None
        rows = self.callers.rows
        columns = [*self.callers.columns[:-1], rows.keys["consumer"]]
        keyed, index = group(columns)
        seen = add_up(rows.sums["requests"], index, len(keyed[0])) > 0
        theirs, who = [column[seen] for column in keyed[:-1]], keyed[-1][seen]
        if total:
            return list(compute.distinct(np.zeros(len(who), np.int64), who, 1))
        # The other answer numbers its groups its own way; they are found again by what they say.
        place = {label: at for at, label in enumerate(_said(self.meaning, keys))}
        labels = _said(self.callers.meaning[:-1], theirs)
        found = np.array([place.get(label, -1) for label in labels], np.int64)
        return list(compute.distinct(found[found >= 0], who[found >= 0], count))

    def _add_previous(self, table: "Solved", before: "Solved") -> None:
        """Each row's metrics in the range before, as ``<metric>_previous``; None where there is no such row. Buckets
        are matched by their place in the range, since a day may have 23 hours."""
        assert self.before is not None
        place = {said: at for at, said in enumerate(self.before._places(before))}
        matches = [place.get(said) for said in self._places(table)]
        for name in self.query.metrics:
            values = before.columns[name]
            listed = [None if at is None else values[at] for at in matches]
            table.columns[f"{name}_previous"] = listed
            table.totals[f"{name}_previous"] = before.totals[name]

    def _places(self, table: "Solved") -> Iterable[tuple[Any, ...]]:
        """For each row its bucket's place in the range and all that it says of its groups: two services may have an
        endpoint of one name."""
        place = {time: at for at, time in enumerate(self.times)}
        buckets = [place[time] for time in table.columns["time"]] if self.query.interval else [0] * table.count
        names = [name for group_name in self.query.group_by for name in LABELS[group_name]]
        return zip(buckets, *(table.columns[name] for name in names), strict=True)

    def _seconds(self) -> float:
        return (self.query.end - self.query.start).total_seconds()

    def _bucket_seconds(self, first: Ints) -> Any:
        """Seconds of each bucket that lie within the range: a rate at its edges is not diluted."""
        if self.plan.buckets is None:
            return np.full(len(first), self._seconds())
        if self.query.window:
            return np.full(len(first), 60.0 * self.query.window)
        return self.plan.buckets.seconds(first, minute_of(self.query.start), minute_of(self.query.end)).astype(float)


def _sums(query: Query) -> tuple[str, ...]:
    """The sums that a question needs; without requests a group is none."""
    needed = {"requests", *(name for metric in query.metrics for name in METRICS[metric].sums)}
    return tuple(name for name in SUMS if name in needed)


def _spread(values: compute.Column, places: Sequence[int], count: int, nothing: Any) -> compute.Column:
    """``count`` values, those given at their places and ``nothing`` elsewhere."""
    if len(values) == count:
        return values
    spread = [nothing] * count
    for place, value in zip(places, values, strict=True):
        spread[place] = value
    return spread


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
