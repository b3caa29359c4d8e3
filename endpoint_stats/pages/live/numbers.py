"""What the last minutes hold, read in one snapshot: rollups and what still waits in the journal."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Project
from endpoint_stats.aggregate.buckets import minute_of, moment_of
from endpoint_stats.query.coverage import Spans
from endpoint_stats.query.runner import Result, reading
from endpoint_stats.query.samples import Example, examples
from endpoint_stats.query.spec import Filters, Query

# Full minutes: those of "now", and those before that they are held against. The minute that has begun counts with now.
RECENT, BEFORE = 5, 25
TOTALS = ("requests", "errors", "error_rate", "client_errors", "p50", "p95", "timed")
SERIES = ("requests", "p50", "p95", "timed")
BY_ENDPOINT = ("requests", "errors", "error_rate", "p95", "timed")
EXAMPLES = 5

TIMED = 10  # requests with a duration, now and before, without which no endpoint is called slower
SLOWER = 1.5  # times as long as before, from which it is
SLOWER_BY = 0.02  # and so many seconds at least


@dataclass(frozen=True, slots=True)
class Window:
    """Minutes since 1970 (UTC): ``[start, recent)`` is before, ``[recent, end)`` is now; its last minute has begun and
    is not over."""

    start: int
    recent: int
    end: int

    @classmethod
    def at(cls, now: datetime) -> "Window":
        minute = minute_of(now)
        return cls(minute - RECENT - BEFORE, minute - RECENT, minute + 1)


@dataclass(frozen=True, slots=True)
class Numbers:
    """All of one moment. ``newest``: the minute of the last request of all time, whatever its traffic class; None where
    there was none. ``by_minute``: requests in each minute of the window, the one that has begun last."""

    project: Project
    now: datetime
    window: Window
    newest: int | None
    totals: Result
    before: Result
    series: Result
    statuses: Result
    endpoints: list[dict[str, Any]]
    several_services: bool
    failing: list[Example]
    spans: Spans

    @property
    def by_minute(self) -> list[int]:
        return list(self.series.columns["requests"])


def ask(project: Project, filters: Filters, now: datetime) -> Numbers:
    """Raises QueryError where it takes longer than a question may."""
    window = Window.at(now)
    start, recent, end = map(moment_of, (window.start, window.recent, window.end))
    zone, whole = project.time_zone, (project.pk, start, end)
    with reading(project.pk) as opened:
        totals, before, series, statuses, endpoints, endpoints_before = opened.run(
            [
                Query(project.pk, recent, end, TOTALS, filters=filters),
                Query(project.pk, start, recent, TOTALS, filters=filters),
                Query(*whole, SERIES, interval=1, filters=filters, zone=zone),
                Query(*whole, ("requests",), ("status",), interval=1, filters=filters, zone=zone),
                Query(project.pk, recent, end, BY_ENDPOINT, ("endpoint",), filters=filters),
                Query(project.pk, start, recent, BY_ENDPOINT, ("endpoint",), filters=filters),
            ],
            now,
        )
        failing = examples(project.pk, start, end, failing=True, limit=EXAMPLES)
        span = opened.span
        return Numbers(
            project,
            now,
            window,
            # A clock that goes ahead somewhere must not say that something came in later than now.
            min(span[1], window.end - 1) if span else None,
            totals,
            before,
            series,
            statuses,
            by_trouble(endpoints, endpoints_before),
            len({row["service"] for row in endpoints.rows}) > 1,
            failing,
            opened.spans,
        )


def by_trouble(now: Result, before: Result) -> list[dict[str, Any]]:
    """The endpoints of now: those with most server errors first, then those that became slowest, then by traffic. Each
    with ``before``, its row of the minutes before or None, and ``slower``, how many times as long it takes, or None."""
    earlier = {row["endpoint_id"]: row for row in before.rows}
    rows = [row | {"before": earlier.get(row["endpoint_id"])} for row in now.rows]
    rows = [row | {"slower": slower(row, row["before"])} for row in rows]
    return sorted(rows, key=lambda row: (-row["errors"], -(row["slower"] or 0), -row["requests"], row["endpoint"]))


def slower(row: dict[str, Any], before: dict[str, Any] | None) -> float | None:
    """How many times as long as before; None where that is not much, or too few requests say so."""
    if before is None or min(row["timed"], before["timed"]) < TIMED:
        return None
    ratio = float(row["p95"] / before["p95"]) if before["p95"] else 0.0
    return ratio if ratio >= SLOWER and row["p95"] - before["p95"] >= SLOWER_BY else None
