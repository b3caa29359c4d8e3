"""From results to the charts of the overview (docs/charts.md has the contract of a chart)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from endpoint_stats.aggregate.buckets import minute_of
from endpoint_stats.aggregate.sketch import BANDS
from endpoint_stats.query.coverage import Spans
from endpoint_stats.query.render import cell, number, percent
from endpoint_stats.query.runner import Result

SERIES = ("requests", "errors", "error_rate", "p50", "p95", "p99", "timed", "histogram")
CLASSES = ("2xx", "3xx", "4xx", "5xx")
NAMES = {1: "minute", 5: "5 minutes", 15: "15 minutes", 60: "hour", 360: "6 hours", 1440: "day", 10_080: "week"}


def charts(
    series: Result, statuses: Result, spans: Spans, now: datetime, marks: Sequence[dict[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Requests by status, latency percentiles, the share of errors, and where requests take their time; ``marks`` stand
    on each."""
    base = Base(series, spans, now, marks)
    return [
        _statuses(series, statuses, base),
        _latency(series, base),
        _errors(series, base),
        _heatmap(series, base),
    ]


def live_charts(
    series: Result, statuses: Result, spans: Spans, now: datetime, marks: Sequence[dict[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Of the last minutes: requests by status, and p50 and p95. The minute that has begun is drawn as far as it is
    known, and not called unmeasured where nothing came in it yet."""
    base = Base(series, spans, now - timedelta(minutes=1), marks)
    requests = _statuses(series, statuses, base) | {"note": "per minute; the last one is not over"}
    return [requests, _latency(series, base, ("p50", "p95"))]


class Base:
    """What all charts of a range share: its buckets, and which of them were observed."""

    def __init__(self, series: Result, spans: Spans, now: datetime, marks: Sequence[dict[str, Any]]) -> None:
        self.marks = list(marks)
        self.zone, self.interval = series.query.zone, series.query.interval
        self.times = [int(datetime.fromisoformat(row["time"]).timestamp()) for row in series.rows]
        first, last = minute_of(series.query.start), min(minute_of(series.query.end), minute_of(now) + 1)
        self.gaps = _between(spans, first, last)
        counted = [row["requests"] for row in series.rows]
        # What lies ahead of the clock or was not observed at all has no value; a quiet bucket has 0.
        self.known = [
            bool(count) or (start < last * 60 and not _inside(start, start + self.interval * 60, self.gaps))
            for start, count in zip(self.times, counted, strict=True)
        ]

    def chart(self, **more: Any) -> dict[str, Any]:
        gaps = [[start, end] for start, end in self.gaps]
        return {
            "zone": self.zone, "step": self.interval * 60, "time": self.times, "gaps": gaps, "marks": self.marks,
            "scale": "linear", **more,
        }  # fmt: skip

    def values(self, listed: Sequence[Any]) -> list[Any]:
        return [value if known else None for value, known in zip(listed, self.known, strict=True)]

    def moment(self, at: int) -> str:
        return datetime.fromtimestamp(self.times[at], ZoneInfo(self.zone)).strftime("%a %d %b %H:%M")


def _between(spans: Spans, first: int, last: int) -> list[tuple[int, int]]:
    """Epoch seconds of the stretches of ``[first, last)`` that ``spans`` leave out."""
    found, reached = [], first
    for start, end in spans:
        if start > reached:
            found.append((reached * 60, min(start, last) * 60))
        reached = max(reached, end)
    if reached < last:
        found.append((reached * 60, last * 60))
    return [(start, end) for start, end in found if start < end]


def _inside(start: int, end: int, gaps: Sequence[tuple[int, int]]) -> bool:
    return any(first <= start and end <= last for first, last in gaps)


def _statuses(series: Result, statuses: Result, base: Base) -> dict[str, Any]:
    place = {row["time"]: at for at, row in enumerate(series.rows)}
    counts = {name: [0] * len(place) for name in CLASSES}
    for row in statuses.rows:
        # 1xx are interim answers, which logs hardly ever have: counted with those that succeeded.
        counts[CLASSES[max(row["status"] // 100, 2) - 2]][place[row["time"]]] += row["requests"]
    listed = [
        {"name": name, "label": name, "colour": name, "values": base.values(values)} for name, values in counts.items()
    ]
    totals = {name: number(sum(values)) for name, values in counts.items()}
    busiest = _highest([row["requests"] for row in series.rows], base)
    return base.chart(
        id="requests",
        kind="bars",
        title="Requests by status",
        note=f"per {NAMES[base.interval]}",
        unit="1",
        series=listed,
        summary=f"Requests per {NAMES[base.interval]}: {_words(totals)}.{busiest}",
    )


def _latency(series: Result, base: Base, names: Sequence[str] = ("p50", "p95", "p99")) -> dict[str, Any]:
    listed = [
        {"name": name, "label": name, "colour": name, "values": base.values([row[name] for row in series.rows])}
        for name in names
    ]
    totals = {name: cell(name, series.totals[name]) for name in names}
    worst = _highest([row["p95"] for row in series.rows], base, "p95", "p95 is highest")
    return base.chart(
        id="latency",
        kind="lines",
        title="Latency",
        note=f"±{percent(series.error_bound)}, n = {number(series.totals['timed'])}",
        unit="s",
        series=listed,
        summary=f"Latency percentiles of the whole range: {_words(totals)}.{worst}",
    )


def _errors(series: Result, base: Base) -> dict[str, Any]:
    shares = [row["error_rate"] for row in series.rows]
    whole = cell("error_rate", series.totals["error_rate"])
    peak = _highest(shares, base, "error_rate", "The share is highest")
    return base.chart(
        id="errors",
        kind="lines",
        title="Share of server errors",
        unit="ratio",
        series=[{"name": "errors", "label": "server errors", "colour": "errors", "values": base.values(shares)}],
        summary=f"{whole} of the requests of the whole range failed with a server error.{peak}",
    )


def _heatmap(series: Result, base: Base) -> dict[str, Any]:
    counts = [row["histogram"] for row in series.rows]
    used = [at for at in range(len(BANDS) + 1) if any(bucket[at] for bucket in counts)]
    first, last = (used[0], used[-1]) if used else (0, 0)
    edges: list[float | None] = [*BANDS, None]
    kept = [bucket[first : last + 1] if known else None for bucket, known in zip(counts, base.known, strict=True)]
    return base.chart(
        id="heatmap",
        kind="heatmap",
        title="Requests by latency",
        note=f"n = {number(series.totals['timed'])}",
        unit="s",
        rows=edges[first : last + 1],
        counts=kept,
        summary="How many requests took how long, over time. The table has the fullest and the slowest band.",
    )


def _highest(values: Sequence[float | None], base: Base, name: str = "requests", what: str = "Most") -> str:
    known = [(value, at) for at, value in enumerate(values) if value]
    if not known:
        return ""
    value, at = max(known, key=lambda pair: pair[0])
    return f" {what} at {base.moment(at)}: {cell(name, value)}."


def _words(values: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
