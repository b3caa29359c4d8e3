"""The first page of a project: how things are, the numbers that prove it, charts, the table of endpoints."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.services import may_edit, visible_projects
from endpoint_stats.query.coverage import Spans
from endpoint_stats.query.kept import KeptReading
from endpoint_stats.query.render import cell, isolated, number
from endpoint_stats.query.runner import Result
from endpoint_stats.query.spec import Query

from . import endpoint_table, overview_charts, uploaded
from .answering import answer, own_project
from .frame import TOTALS, Frame
from .upload import form_context

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
    whose = own_project(request, slug)

    def show(store: KeptReading, frame: Frame) -> dict[str, Any]:
        address = frame.address
        order = endpoint_table.order_of(address.get("order"))
        answers = ask(store, frame, order)
        found = {
            **frame.numbers(answers.totals, answers.series, answers.statuses, answers.spans),
            "sentence": sentence(answers.totals, answers.endpoints, by_status="status" in dict(address.filters)),
            "table": endpoint_table.table(answers.endpoints, answers.changes, answers.trends, address, order),
            "all_query": address.query(all="1"),
            "address": request.build_absolute_uri("/").rstrip("/"),
        }
        if frame.project.demo or store.span is None:
            found |= beginning(request, frame)
        return found

    filters_address = reverse("filters", args=[slug])
    return answer(request, whose, "endpoint_stats/overview.html", show, filters_address=filters_address)


def beginning(request: HttpRequest, frame: Frame) -> dict[str, Any]:
    """What a project without hits offers, and how far a demo is filled."""
    project = frame.project
    may = may_edit(request.user, project)
    parts = uploaded.on_overview(project, frame.now, may_edit=may)
    busy = any(part["upload"].moving for part in parts) or project.demo
    return {"may_edit": may, "parts": parts, "busy": busy, **form_context(project)}


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


def ask(store: KeptReading, frame: Frame, order: str) -> Answers:
    results = store.run_first(frame.ways(partial(_queries, frame, order)), frame.now)
    return Answers(store.spans, *results)


def _queries(frame: Frame, order: str, zone: str, chart: int, trend: int, compare: str) -> list[Query]:
    """``zone`` of the days, minutes a bucket of charts and of trends, and what to compare with."""
    whole = partial(frame.query, zone=zone)
    return [
        whole(TOTALS, compare=compare),
        whole(overview_charts.SERIES, interval=chart),
        whole(("requests",), ("status",), interval=chart),
        whole(endpoint_table.METRICS, ("endpoint",), order=order),
        # Only the requests are compared by endpoint: sketches of twice the range would take twice the time.
        whole(("requests",), ("endpoint",), compare=compare),
        whole(("requests",), ("endpoint",), interval=trend),
    ]


def sentence(totals: Result, endpoints: Result, *, by_status: bool = False) -> str:
    """How things are, in one sentence: what fails most, or that little does; among some statuses, where they are."""
    counted = totals.totals
    if not counted["requests"]:
        return "No requests in this range."
    if by_status:
        most = max(endpoints.rows, key=lambda row: row["requests"])
        of_it = f"{number(most['requests'])} of them of {isolated(most['endpoint'])}"
        return f"{number(counted['requests'])} such requests, {of_it}."
    failing = max(endpoints.rows, key=lambda row: row["errors"])
    if failing["errors"] < FEW_ERRORS:
        return few(counted["requests"], counted["errors"])
    of_all = f"{number(failing['errors'])} of {number(failing['requests'])} requests"
    return f"{isolated(failing['endpoint'])} fails most: {of_all} ({cell('error_rate', failing['error_rate'])})."


def few(requests: int, errors: int) -> str:
    """Where errors are no news."""
    if requests == 1:
        return f"1 request, which {'failed' if errors else 'did not fail'}."
    return f"{number(requests)} requests, {errors or 'none'} of them failed."
