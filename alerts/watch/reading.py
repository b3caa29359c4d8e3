"""The numbers that rules need, read through ``endpoint_stats.query``: many rules at one step, or one rule at many.
Both give the same numbers, so that a rule tried on the past does what it would have done."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import gcd
from typing import Any
from uuid import UUID

from alerts.evaluate.spec import NEW, Need, Sample, empty, every, needs
from endpoint_stats.aggregate.buckets import minute_of, moment_of
from endpoint_stats.models import Endpoint
from endpoint_stats.query.coverage import Spans, covered_windows
from endpoint_stats.query.runner import Reading, Result, reading
from endpoint_stats.query.spec import Filters, Query, QueryError

from .watched import Group, Watched

AT_ONCE = 40  # questions in one statement
FIRST_DAY = 1440  # minutes of a project's data in which every endpoint is new, and none is news
MINUTE = timedelta(minutes=1)
Rows = Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class Seen:
    """What one rule sees at one step: of each group a sample for each need. problem: why nothing could be read."""

    samples: dict[Group, dict[str, Sample]] = field(default_factory=dict)
    labels: dict[Group, dict[str, str]] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What several rules may need of one range: they are answered by one question."""

    filters: Filters
    group_by: tuple[str, ...]
    window: int
    offset: int

    @classmethod
    def of(cls, rule: Watched, need: Need) -> "Asked":
        return cls(rule.filters, rule.group_by, need.window, need.offset)


def metrics_of(need: Need) -> tuple[str, ...]:
    """As the query engine knows them."""
    return ("requests", *(name for name in need.metrics if name not in (NEW, "requests")))


def see(
    project_id: int, rules: Sequence[Watched], groups: Mapping[UUID, Iterable[Group]], at: datetime, now: datetime
) -> dict[UUID, Seen]:
    """What each rule sees at the step ``at``, all in one snapshot; rules that ask alike are answered together.
    ``groups``: of each rule those that are remembered: they are seen even where nothing is said of them any more."""
    wanted: dict[Asked, dict[str, None]] = {}
    for rule in rules:
        for need in needs(rule.spec):
            wanted.setdefault(Asked.of(rule, need), {}).update(dict.fromkeys(metrics_of(need)))
    queries = {each: _query(project_id, each, tuple(metrics), at) for each, metrics in wanted.items()}
    with reading(project_id) as opened:
        answers, spans = _answers(opened, queries, now)
        news = _News(project_id, opened.span, [need for rule in rules for need in needs(rule.spec)], at)
    found = {}
    for rule in rules:
        step = _Step(rule, at, spans, news)
        for need in needs(rule.spec):
            answer = answers[Asked.of(rule, need)]
            if isinstance(answer, str):
                step.problem = answer
            else:
                step.add(need, answer.rows)
        found[rule.id] = step.seen(groups.get(rule.id, ()))
    return found


def see_past(
    project_id: int,
    rule: Watched,
    start: datetime,
    end: datetime,
    now: datetime,
    remembered: Callable[[], Iterable[Group]],
) -> Iterator[tuple[datetime, Seen]]:
    """What the rule would have seen at each of its steps in ``(start, end]``, in order. ``remembered``: asked before
    each step. Raises QueryError for what is no longer kept as finely as the rule looks."""
    pace = every(rule.spec)
    first, last = minute_of(start) // pace * pace + pace, minute_of(end) // pace * pace
    if first > last:
        return
    listed = needs(rule.spec)
    with reading(project_id) as opened:
        answers = opened.run([_series(project_id, rule, need, first, last) for need in listed], now)
        spans = opened.spans
        news = _News(project_id, opened.span, listed, moment_of(last), first)
    by_step = [_by_time(answer) for answer in answers]
    coverage = [covered_windows(spans, _ends(need, first, last, pace), need.window) for need in listed]
    for place, minute in enumerate(range(first, last + 1, pace)):
        step = _Step(rule, moment_of(minute), spans, news, [shares[place] for shares in coverage])
        for need, rows in zip(listed, by_step, strict=True):
            step.add(need, rows.get(minute - need.offset, ()))
        yield moment_of(minute), step.seen(remembered())


def _ends(need: Need, first: int, last: int, pace: int) -> list[int]:
    return [minute - need.offset for minute in range(first, last + 1, pace)]


def _query(project_id: int, each: Asked, metrics: tuple[str, ...], at: datetime) -> Query:
    end = at - each.offset * MINUTE
    return Query(project_id, end - each.window * MINUTE, end, metrics, each.group_by, filters=each.filters)


def _series(project_id: int, rule: Watched, need: Need, first: int, last: int) -> Query:
    """Windows that end at each step. Buckets are as long as they can be for a window's ends to be theirs."""
    interval = gcd(every(rule.spec), need.window, need.offset)
    start, end = (moment_of(minute - need.offset) for minute in (first - interval, last))
    return Query(
        project_id, start, end, metrics_of(need), rule.group_by, interval, rule.filters, window=need.window
    )  # fmt: skip


def _by_time(answer: Result) -> dict[int, list[Mapping[str, Any]]]:
    """The rows by the minute that their window ends at."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in answer.rows:
        end = minute_of(datetime.fromisoformat(row["time"])) + answer.query.interval
        found.setdefault(end, []).append(row)
    return found


def _answers(opened: Reading, queries: Mapping[Asked, Query], now: datetime) -> tuple[dict[Asked, Result | str], Spans]:
    """For each a result or why there is none, and what was observed of all their ranges."""
    found: dict[Asked, Result | str] = {}
    spans: Spans = []
    listed = list(queries)
    for start in range(0, len(listed), AT_ONCE):
        some = listed[start : start + AT_ONCE]
        try:
            found.update(zip(some, opened.run([queries[each] for each in some], now), strict=True))
            spans += opened.spans
        except QueryError:
            # One that cannot be answered does not take the others with it.
            for each in some:
                try:
                    found[each] = opened.run([queries[each]], now)[0]
                    spans += opened.spans
                except QueryError as error:
                    found[each] = str(error)
    return found, joined(spans)


def joined(spans: Iterable[tuple[int, int]]) -> Spans:
    """Stretches that touch or overlap are one; ascending."""
    found: Spans = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


class _News:
    """When endpoints were first called, of those that were within reach; asked for where a rule wants to know."""

    def __init__(
        self,
        project_id: int,
        span: tuple[int, int] | None,
        listed: Sequence[Need],
        last: datetime,
        first: int | None = None,
    ) -> None:
        windows = [need.window for need in listed if NEW in need.metrics]
        self.first_seen: dict[str, int] = {}
        if not windows or span is None:
            return
        end = minute_of(last)
        start = max((end if first is None else first) - max(windows), span[0] + FIRST_DAY)
        rows = Endpoint.objects.filter(project_id=project_id, first_seen__gte=start, first_seen__lt=end)
        self.first_seen = {str(id): minute for id, minute in rows.values_list("id", "first_seen") if minute is not None}

    def of(self, endpoint_id: str, window: int, at: datetime) -> float:
        minute, end = self.first_seen.get(endpoint_id), minute_of(at)
        return 1.0 if minute is not None and end - window <= minute < end else 0.0


class _Step:
    """One rule at one step, filled need by need."""

    def __init__(
        self, rule: Watched, at: datetime, spans: Spans, news: _News, coverage: Sequence[float] | None = None
    ) -> None:
        self.rule, self.at, self.news = rule, at, news
        self.needs = needs(rule.spec)
        shares = coverage or [
            covered_windows(spans, [minute_of(at) - need.offset], need.window)[0] for need in self.needs
        ]
        self.coverage = dict(zip((need.name for need in self.needs), shares, strict=True))
        self.found = Seen()
        self.problem = ""

    def add(self, need: Need, rows: Rows) -> None:
        found, share = self.found, self.coverage[need.name]
        for row in rows:
            group = tuple(str(row[name]) for name in self.rule.identity)
            if group not in found.labels:
                found.labels[group] = {name: str(row[name]) for name in self.rule.said}
            values = {name: self._value(need, name, row) for name in need.metrics}
            found.samples.setdefault(group, {})[need.name] = Sample(values, row["requests"], share)

    def _value(self, need: Need, name: str, row: Mapping[str, Any]) -> float | None:
        if name == NEW:
            return self.news.of(row["endpoint_id"], need.window, self.at)
        value: float | None = row[name]
        return value

    def seen(self, groups: Iterable[Group]) -> Seen:
        if self.problem:
            return Seen(problem=self.problem)
        if not self.rule.group_by:
            self.found.samples.setdefault((), {})
        return with_groups(self.rule, self.found, groups, self.coverage)


def with_groups(rule: Watched, seen: Seen, groups: Iterable[Group], coverage: Mapping[str, float]) -> Seen:
    """A sample of nothing for each group that had no requests in one of the windows."""
    nothing = {need.name: empty(need, coverage[need.name]) for need in needs(rule.spec)}
    # In an order of their own: that of an answer's rows depends on how it was asked.
    every_one = sorted({*seen.samples, *groups})
    seen.samples = {group: nothing | seen.samples.get(group, {}) for group in every_one}
    return seen
