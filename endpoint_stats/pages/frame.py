"""What stands around every page of numbers: whose project, which range, which filters, and the totals of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import Project
from accounts.services import edits
from endpoint_stats.query.coverage import Spans
from endpoint_stats.query.render import cell, number, percent
from endpoint_stats.query.runner import Result
from endpoint_stats.query.spec import Query

from . import endpoint_table, overview_charts, registry
from .address import Address
from .ranges import CHARTS, TRENDS, Range, chosen, form_value, presets

TOTALS = ("requests", "rate", "errors", "error_rate", "client_errors", "p50", "p95", "p99", "timed")
HOUR = 60


@dataclass(frozen=True, slots=True)
class Frame:
    project: Project
    address: Address
    shown: Range
    now: datetime
    finest: int  # minutes a bucket at least: consumers are kept by the hour

    @classmethod
    def of(
        cls, project: Project, address: Address, span: tuple[int, int] | None, now: datetime, *, finest: int = 1
    ) -> "Frame":
        """``span``: the first and the last minute with hits. Raises QueryError for times that cannot be read."""
        if any(name == "consumer" for name, _ in address.filters):
            finest = HOUR
        return cls(project, address, chosen(address.plain, span, now, project.time_zone, finest), now, finest)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.project.time_zone)

    def intervals(self) -> list[tuple[int, int]]:
        """Minutes a bucket of charts and of trends: those that fit the range, then coarser ones for when they are no
        longer kept."""
        charts = [minutes for minutes in self.shown.intervals(CHARTS) if minutes >= self.finest]
        trends = [minutes for minutes in self.shown.intervals(TRENDS) if minutes >= self.finest]
        return [(chart, trends[min(at, len(trends) - 1)]) for at, chart in enumerate(charts)]

    def query(self, metrics: tuple[str, ...], group_by: tuple[str, ...] = (), **more: Any) -> Query:
        """A question about the range and what the filters leave of it."""
        whole = (self.project.pk, self.shown.start, self.shown.end)
        return Query(*whole, metrics, group_by, filters=self.address.filters, **more)

    def ways(self, make: Callable[[str, int, int, str], list[Query]]) -> list[Callable[[], list[Query]]]:
        """Buckets become coarser, the comparison is left out, and days are those of UTC, where what they need is no
        longer kept: local days are made of hours. ``make`` takes the zone, minutes a bucket of charts and of trends,
        and what to compare with."""
        return [
            partial(make, zone, chart, trend, compare)
            for zone in dict.fromkeys((self.project.time_zone, "UTC"))
            for chart, trend in self.intervals()
            for compare in self.comparisons(zone)
        ]

    def comparisons(self, zone: str) -> tuple[str, ...]:
        """With what to compare, and what to do where that is not kept."""
        return ("previous", "")

    def marks(self) -> list[dict[str, Any]]:
        return registry.marks(self.project, self.shown.start, self.shown.end, self.address.filters)

    def numbers(self, whole: Result, series: Result, statuses: Result, spans: Spans) -> dict[str, Any]:
        """The totals of the range and its charts, as _numbers.html shows them."""
        return {
            "totals": totals(whole, self.shown),
            "result": whole,
            "comparable": endpoint_table.comparable(whole),
            "charts": overview_charts.charts(series, statuses, spans, self.now, self.marks()),
            "utc_days": series.query.zone != self.project.time_zone,
        }

    def context(self, span: tuple[int, int] | None) -> dict[str, Any]:
        """``span``: the first and the last minute with hits."""
        zone = self.project.time_zone
        moments = (("start", self.shown.start), ("end", self.shown.end))
        return {
            "range": self.shown,
            "presets": presets(self.shown, span, self.now, self.address),
            "form": {name: form_value(moment, zone) for name, moment in moments},
            "kept": self.address.pairs(without=("from", "to")),
            "search_kept": self.address.pairs(without=("from", "to", "q", "all")),
            "elsewhere": self.address.elsewhere().query(),
            # Without what those pages are of, and what is not kept together with it.
            "to_consumers": self.address.elsewhere().without("consumer", "release", "traffic").query(),
            "to_releases": self.address.elsewhere().without("consumer", "release").query(),
            **filters(self.address),
        }


def filters(address: Address) -> dict[str, Any]:
    """Of the bar of filters, which stands there too where nothing could be answered."""
    return {"chips": address.chips(), "switch": address.switch(), "here": address.query()}


def sharing(project: Project, address: Address) -> dict[str, Any]:
    """Of the bar's way to share what the filters leave. ``project``: as ``visible_projects`` found it."""
    return {"may_share": edits(project), "share": Address({}, address.filters).query()}


def totals(result: Result, shown: Range) -> list[dict[str, Any]]:
    """The numbers above the charts, each with its change against the range before."""
    bound = f"±{percent(result.error_bound)}, n = {number(result.totals['timed'])}"
    listed = (
        ("requests", "Requests", ""),
        ("rate", "Requests / s", ""),
        ("error_rate", "Server errors", cell("errors", result.totals["errors"])),
        ("client_errors", "Client errors", ""),
        ("p50", "p50", bound),
        ("p95", "p95", bound),
        ("p99", "p99", bound),
    )
    return [
        {
            "name": name,
            "title": title,
            "text": cell(name, result.totals[name]),
            "hint": hint,
            "change": endpoint_table.change(result, result.totals, name, f"against the {shown.length()} before"),
            "failing": name == "error_rate" and (result.totals[name] or 0) >= endpoint_table.FAILING,
        }
        for name, title, hint in listed
    ]
