"""The first page of a project: how things are, the numbers that prove it, charts, the table of endpoints."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Project
from accounts.services import visible_projects
from endpoint_stats.query.coverage import Spans
from endpoint_stats.query.render import cell, number
from endpoint_stats.query.runner import Reading, Result, reading
from endpoint_stats.query.spec import Query, QueryError

from . import endpoint_table, overview_charts
from .ranges import CHARTS, TRENDS, Range, chosen, form_value, presets

TOTALS = ("requests", "rate", "errors", "error_rate", "client_errors", "p50", "p95", "p99", "timed")
STATE = ("from", "to", "order", "q", "all")
FEW_ERRORS = 5  # fewer are no news


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    project = visible_projects(request.user).first()
    if project is None:
        return render(request, "endpoint_stats/no_project.html")
    return redirect("overview", slug=project.slug)


@login_required
@require_safe
def overview(request: HttpRequest, slug: str) -> HttpResponse:
    projects = list(visible_projects(request.user))
    project = next((one for one in projects if one.slug == slug), None)
    if project is None:
        raise Http404
    now = timezone.now()
    given = {name: request.GET[name] for name in STATE if request.GET.get(name)}
    context: dict[str, Any] = {"project": project, "projects": projects}
    try:
        order = endpoint_table.order_of(given.get("order", ""))
        with reading(project.pk) as store:
            shown = chosen(given, store.span, now, project.time_zone)
            answers = ask(store, project, shown, order, now)
            span = store.span
    except QueryError as error:
        return render(request, "endpoint_stats/overview.html", context | {"problem": str(error)}, status=422)
    context |= _range_context(project, shown, span, now, given)
    context |= {
        "totals": _totals(answers.totals, shown),
        "result": answers.totals,
        "sentence": sentence(answers.totals, answers.endpoints),
        "charts": overview_charts.charts(answers.series, answers.statuses, answers.spans, now),
        "table": endpoint_table.table(answers.endpoints, answers.changes, answers.trends, given, order),
        "comparable": endpoint_table.comparable(answers.totals),
        "has_data": span is not None,
        "address": request.build_absolute_uri("/").rstrip("/"),
        "utc_days": answers.series.query.zone != project.time_zone,
    }
    return render(request, "endpoint_stats/overview.html", context)


@dataclass(frozen=True, slots=True)
class Answers:
    """All that the page shows, of one moment."""

    spans: Spans
    totals: Result
    series: Result
    statuses: Result
    endpoints: Result
    changes: Result
    trends: Result


def ask(store: Reading, project: Project, shown: Range, order: str, now: datetime) -> Answers:
    """Buckets become coarser, the comparison is left out, and days are those of UTC, where what they need is no
    longer kept: local days are made of hours."""
    charts, trends = shown.intervals(CHARTS), shown.intervals(TRENDS)
    last: QueryError | None = None
    tries = [
        (zone, chart, trends[min(at, len(trends) - 1)], compare)
        for zone in dict.fromkeys((project.time_zone, "UTC"))
        for at, chart in enumerate(charts)
        for compare in ("previous", "")
    ]
    for zone, chart, trend, compare in tries:
        try:
            results = store.run(_queries(project, shown, order, (zone, chart, trend, compare)), now)
            return Answers(store.spans, *results)
        except QueryError as error:
            if error.code not in ("not_kept", "bad_range"):
                raise
            last = error
    assert last is not None
    raise last


def _queries(project: Project, shown: Range, order: str, cut: tuple[str, int, int, str]) -> list[Query]:
    """``cut``: zone of the days, minutes a bucket of charts and of trends, and what to compare with."""
    zone, chart, trend, compare = cut
    whole = (project.pk, shown.start, shown.end)
    return [
        Query(*whole, TOTALS, compare=compare, zone=zone),
        Query(*whole, overview_charts.SERIES, interval=chart, zone=zone),
        Query(*whole, ("requests",), ("status",), chart, zone=zone),
        Query(*whole, endpoint_table.METRICS, ("endpoint",), order=order, zone=zone),
        # Only the requests are compared by endpoint: sketches of twice the range would take twice the time.
        Query(*whole, ("requests",), ("endpoint",), compare=compare, zone=zone),
        Query(*whole, ("requests",), ("endpoint",), trend, zone=zone),
    ]


def _range_context(
    project: Project, shown: Range, span: tuple[int, int] | None, now: datetime, given: dict[str, str]
) -> dict[str, Any]:
    kept = {name: given[name] for name in STATE[2:] if name in given}
    return {
        "range": shown,
        "presets": presets(shown, span, now, kept),
        "form": {name: form_value(moment, project.time_zone) for name, moment in
                 (("start", shown.start), ("end", shown.end))},
        "kept": kept,
        "all_query": urlencode({**given, "all": "1"}),
    }  # fmt: skip


def _totals(result: Result, shown: Range) -> list[dict[str, Any]]:
    """The numbers above the charts, each with its change against the range before."""
    bound = f"±{result.error_bound:.1%}, n = {number(result.totals['timed'])}".replace(".0%", " %")
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


def sentence(totals: Result, endpoints: Result) -> str:
    """How things are, in one sentence: what fails most, or that little does."""
    counted = totals.totals
    if not counted["requests"]:
        return "No requests in this range."
    failing = max(endpoints.rows, key=lambda row: row["errors"])
    if failing["errors"] < FEW_ERRORS:
        return f"{number(counted['requests'])} requests, {_failed(counted['errors'])}."
    return (
        f"{failing['endpoint']} fails most: {number(failing['errors'])} of {number(failing['requests'])} requests"
        f" ({cell('error_rate', failing['error_rate'])})."
    )


def _failed(errors: int) -> str:
    return "none of them failed" if not errors else f"{errors} of them failed"
