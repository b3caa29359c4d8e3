"""A chart in words: its table, its legend and what its value axis measures, for the server-rendered part.

A chart is a plain dict, so that the same object goes to the page as JSON (docs/charts.md has the contract).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from endpoint_stats.query.render import cell, duration, number

DAY = 86_400
# The metric whose text a unit's values get: numbers are written in one place, query/render.py.
METRIC_OF_UNIT = {"s": "p95", "1/s": "rate", "1": "requests", "ratio": "error_rate", "By": "response_bytes"}
AXIS = {"s": "", "1/s": "per second", "1": "", "ratio": "", "By": ""}


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    reason: str = ""  # why there is no value


@dataclass(frozen=True, slots=True)
class Row:
    start: datetime
    label: str
    cells: list[Cell]
    note: str


@dataclass(frozen=True, slots=True)
class Table:
    columns: list[str]
    rows: list[Row]
    noted: bool  # whether any row has a note


def table(chart: Mapping[str, Any]) -> Table:
    """Time by series, as text; of a heatmap the requests and where they lie."""
    zone = ZoneInfo(chart["zone"])
    heatmap = chart["kind"] == "heatmap"
    columns = ["Requests", "Fullest band", "Slowest band"] if heatmap else [one["label"] for one in chart["series"]]
    rows = []
    for at, start in enumerate(chart["time"]):
        end = _end(chart, at)
        unmeasured = any(begin <= start and end <= until for begin, until in chart.get("gaps", ()))
        if heatmap:
            cells = _bands(chart["rows"], chart["counts"][at], unmeasured)
        else:
            cells = [_value(chart["unit"], one["values"][at], unmeasured) for one in chart["series"]]
        moment = datetime.fromtimestamp(start, zone)
        rows.append(Row(moment, time_label(moment, chart["step"]), cells, _note(chart, start, end)))
    return Table(columns, rows, any(row.note for row in rows))


def time_label(moment: datetime, step: int) -> str:
    """A bucket's start; in the hour that a clock set back repeats, with the name of the offset."""
    if step >= DAY:
        return f"{moment:%a %d %b %Y}"
    text = f"{moment:%a %d %b %H:%M}"
    offsets = {moment.replace(fold=fold).utcoffset() for fold in (0, 1)}
    return f"{text} {moment:%Z}" if len(offsets) > 1 else text


def axis(chart: Mapping[str, Any]) -> str:
    """What the value axis measures, where its numbers do not say it."""
    words = [AXIS[chart["unit"]]] if chart["kind"] != "heatmap" else ["log scale"]
    if chart.get("scale") == "log" and chart["kind"] == "lines":
        words.append("log scale")
    return ", ".join(filter(None, words))


def most(chart: Mapping[str, Any]) -> str:
    """The largest count of a heatmap, for the end of its colour scale."""
    return number(max((count for bucket in chart["counts"] for count in bucket or ()), default=0))


def _end(chart: Mapping[str, Any], at: int) -> int:
    """Days are 23 or 25 hours long where clocks change: a bucket ends where the next begins, if that is near."""
    times, step = chart["time"], chart["step"]
    following = times[at + 1] if at + 1 < len(times) else None
    if following is not None and following - times[at] < 1.5 * step:
        return int(following)
    return int(times[at] + step)


def _value(unit: str, value: float | None, unmeasured: bool) -> Cell:
    reason = "" if value is not None else "not measured" if unmeasured else "no value"
    return Cell(cell(METRIC_OF_UNIT[unit], value), reason)


def _bands(edges: list[float | None], counts: list[int] | None, unmeasured: bool) -> list[Cell]:
    total = sum(counts or ())
    if not total or not counts:
        reason = "not measured" if unmeasured else "no requests"
        return [Cell("–", reason) if unmeasured else Cell("0"), Cell("–", reason), Cell("–", reason)]
    filled = [row for row, count in enumerate(counts) if count]
    fullest = max(filled, key=lambda row: counts[row])
    return [Cell(number(total)), Cell(band(edges, fullest)), Cell(band(edges, filled[-1]))]


def band(edges: list[float | None], row: int) -> str:
    upper = edges[row]
    lower = edges[row - 1] if row else None
    if upper is None:
        return f"over {duration(lower or 0.0)}"
    return f"{duration(lower)} – {duration(upper)}" if lower is not None else f"up to {duration(upper)}"


def _note(chart: Mapping[str, Any], start: int, end: int) -> str:
    notes = [mark["label"] for mark in chart.get("marks", ()) if start <= mark["time"] < end]
    notes += [label for begin, until, label in chart.get("stretches", ()) if begin < end and until > start]
    missing = sum(max(min(end, until) - max(start, begin), 0) for begin, until in chart.get("gaps", ()))
    if missing:
        notes.append("unmeasured" if missing >= end - start else f"{_span(missing)} unmeasured")
    return ", ".join(notes)


def _span(seconds: float) -> str:
    return duration(seconds) if seconds < DAY else f"{seconds / 3600:.0f} h"


def check(chart: Mapping[str, Any]) -> None:
    """Raises ValueError for a chart that breaks the contract: better here than as a wrong picture."""
    times = chart["time"]
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError(f"chart {chart['id']}: times must ascend")
    if chart["kind"] == "heatmap":
        lengths = {len(chart["counts"])} | {len(times)}
        if any(bucket is not None and len(bucket) != len(chart["rows"]) for bucket in chart["counts"]):
            raise ValueError(f"chart {chart['id']}: a bucket has another number of counts than there are rows")
    else:
        lengths = {len(one["values"]) for one in chart["series"]} | {len(times)}
    if len(lengths) > 1:
        raise ValueError(f"chart {chart['id']}: {sorted(lengths)} values for {len(times)} times")
