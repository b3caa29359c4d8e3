"""The page of one endpoint: as the overview, and which statuses, who calls it, which versions answer, and examples."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from endpoint_stats.models import Endpoint, RoutePattern
from endpoint_stats.query.coverage import Spans
from endpoint_stats.query.kept import KeptReading
from endpoint_stats.query.render import cell, isolated, number
from endpoint_stats.query.runner import Result
from endpoint_stats.query.samples import examples
from endpoint_stats.query.spec import Query, QueryError

from . import endpoint_table, overview_charts, registry
from .address import Address
from .answering import answer, own_project
from .frame import TOTALS, Frame
from .histogram import bars
from .overview import few

SOME = 10  # rows of a table of parts
PART = ("requests", "error_rate", "errors", "p50", "p95", "timed")
# Parts that a page shows of an endpoint: group, heading, what a row without a name is.
PARTS = (("consumer", "Consumers", "nobody named"), ("release", "Versions", "no version"))


@login_required
@require_safe
def endpoint(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    whose = own_project(request, slug)
    project = whose[0]
    found = Endpoint.objects.filter(project_id=project.pk, id=id).first()
    if found is None:
        raise Http404

    def show(store: KeptReading, frame: Frame) -> dict[str, Any]:
        answers = ask(store, frame, found)
        address, shown = frame.address, frame.shown
        by_status = answers.by_status.rows
        return {
            **_of(frame, found).numbers(answers.totals, answers.series, answers.statuses, answers.spans),
            "sentence": sentence(answers),
            "histogram": bars(answers.series.totals["histogram"]),
            "by_status": [row | {"query": address.filtered("status", str(row["status"])).query()} for row in by_status],
            "parts": [part(title, group, unnamed, answers.parts[group], address) for group, title, unnamed in PARTS],
            "pattern": pattern_behind(found),
            "slow": examples(project.pk, shown.start, shown.end, endpoint=found, order="-duration", limit=SOME),
            "failing": examples(project.pk, shown.start, shown.end, endpoint=found, failing=True, limit=SOME),
            "panels": registry.panels(request, project, found),
        }

    return answer(
        request,
        whose,
        "endpoint_stats/endpoint.html",
        show,
        filters_address=reverse("endpoint-filters", args=[slug, id]),
        fixed="endpoint",
        locked=("endpoint", str(id)),
        more={"endpoint": found},
    )


@dataclass(frozen=True, slots=True)
class Answers:
    """All that the page shows, of one moment. ``parts``: by group a result, or why there is none."""

    spans: Spans
    totals: Result
    series: Result
    statuses: Result
    by_status: Result
    parts: dict[str, Result | str]


def ask(store: KeptReading, frame: Frame, of: Endpoint) -> Answers:
    asked = _of(frame, of)
    whole, series, statuses, by_status = store.run_first(asked.ways(partial(_queries, asked)), frame.now)
    spans = store.spans
    parts = {group: _part(store, asked, group) for group, *_ in PARTS}
    return Answers(spans, whole, series, statuses, by_status, parts)


def _of(frame: Frame, endpoint: Endpoint) -> Frame:
    return replace(frame, address=frame.address.filtered("endpoint", str(endpoint.id)))


def _queries(frame: Frame, zone: str, chart: int, trend: int, compare: str) -> list[Query]:
    whole = partial(frame.query, zone=zone)
    return [
        whole(TOTALS, compare=compare),
        whole(overview_charts.SERIES, interval=chart),
        whole(("requests",), ("status",), interval=chart),
        whole(("requests",), ("status",), order="status"),
    ]


def _part(store: KeptReading, frame: Frame, group: str) -> Result | str:
    """By itself, since some can be asked where others cannot: consumers are kept by the hour, and not by version."""
    try:
        return store.run([frame.query(PART, (group,), order="-requests")], frame.now)[0]
    except QueryError as error:
        return str(error)


def part(title: str, group: str, unnamed: str, result: Result | str, address: Address) -> dict[str, Any]:
    """A table of who or what an endpoint's requests are of; each row filters by itself."""
    if isinstance(result, str):
        return {"title": title, "reason": result, "rows": [], "more": 0}
    named = [row for row in result.rows if row[group]]
    rows = [
        row
        | {
            "name": row[group] or unnamed,
            "query": address.filtered(group, row[group]).query() if row[group] else "",
            "failing": (row["error_rate"] or 0) >= endpoint_table.FAILING,
        }
        for row in result.rows[:SOME]
    ]
    return {"title": title, "reason": "", "rows": rows if named else [], "more": max(len(result.rows) - SOME, 0)}


def sentence(answers: Answers) -> str:
    """How the endpoint does: what fails and for whom, or how slow the slowest are."""
    counted = answers.totals.totals
    if not counted["requests"]:
        return "No requests in this range."
    if not counted["errors"]:
        slow = f" 95 of 100 took {cell('p95', counted['p95'])} or less." if counted["p95"] is not None else ""
        return few(counted["requests"], 0) + slow
    whom = _for_whom(answers.parts["consumer"], counted["errors"])
    failed = f"{number(counted['errors'])} of {number(counted['requests'])} requests"
    return f"{failed} failed ({cell('error_rate', counted['error_rate'])}){whom}."


def _for_whom(consumers: Result | str, errors: int) -> str:
    """Where one consumer has nearly all of the errors, or several do."""
    if isinstance(consumers, str):
        return ""
    hit = sorted((row for row in consumers.rows if row["errors"] and row["consumer"]), key=lambda row: -row["errors"])
    if not hit:
        return ""
    if hit[0]["errors"] >= 0.9 * errors and len(consumers.rows) > 1:
        return f", nearly all of them of {isolated(hit[0]['consumer'])}"
    return f", for {len(hit)} consumer{'s' if len(hit) > 1 else ''}"


def pattern_behind(of: Endpoint) -> RoutePattern | None:
    """The project's own pattern that gave the endpoint its name."""
    named = RoutePattern.objects.filter(
        project_id=of.project_id, pattern=of.route, service__in=("", of.service), method__in=("", of.method)
    )
    return named.order_by("-service", "-method").first()
