"""The first page of a project: how things are, the numbers that prove it, the table of endpoints."""

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Project
from accounts.services import find_project, visible_projects
from endpoint_stats.query.render import cell, number
from endpoint_stats.query.runner import Result, reading
from endpoint_stats.query.spec import Query, QueryError

from .ranges import Range, chosen, presets

COLUMNS = (
    ("requests", "Requests"),
    ("error_rate", "Errors"),
    ("p50", "p50"),
    ("p95", "p95"),
    ("p99", "p99"),
)
METRICS = ("requests", "rate", "errors", "error_rate", "client_errors", "p50", "p95", "p99")
SHOWN = 200
FEW_ERRORS = 5  # fewer are no news
FAILING = 0.01  # share of server errors from which an endpoint is shown as failing


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
    project = find_project(request.user, slug)
    if project is None:
        raise Http404
    now = timezone.now()
    given = {name: request.GET[name] for name in ("from", "to", "order", "all") if request.GET.get(name)}
    context: dict[str, Any] = {"project": project, "projects": visible_projects(request.user)}
    try:
        order = _order(given.get("order", ""))
        with reading(project.pk) as store:
            span = store.span
            shown = chosen(given, span, now)
            result = store.run([_query(project, shown, order)], now)[0]
    except QueryError as error:
        context |= {"problem": str(error)}
        return render(request, "endpoint_stats/overview.html", context, status=422)
    kept = {"order": order} if order != "-requests" else {}
    rows = result.rows if "all" in given else result.rows[:SHOWN]
    rows = [row | {"failing": (row["error_rate"] or 0) >= FAILING} for row in rows]
    context |= {
        "range": shown,
        "presets": presets(shown, span, now, kept),
        "result": result,
        "rows": rows,
        "hidden": len(result.rows) - len(rows),
        "all_query": urlencode({**given, "all": "1"}),
        "columns": _columns(given, order),
        "failing": (result.totals["error_rate"] or 0) >= FAILING,
        "sentence": sentence(result),
        "several_services": len({row["service"] for row in result.rows}) > 1,
        "has_data": span is not None,
    }
    return render(request, "endpoint_stats/overview.html", context)


def _order(text: str) -> str:
    if text.lstrip("-") in (*dict(COLUMNS), "endpoint"):
        return text
    if text:
        raise QueryError("unknown_order", f"The table cannot be sorted by {text!r}.")
    return "-requests"


def _query(project: Project, shown: Range, order: str) -> Query:
    return Query(project.pk, shown.start, shown.end, METRICS, ("endpoint",), order=order)


def _columns(given: dict[str, str], order: str) -> list[dict[str, str]]:
    """Headers that sort: descending first for numbers, ascending for names, the other way at the second click."""
    made = []
    for name, title in (("endpoint", "Endpoint"), *COLUMNS):
        first = name if name == "endpoint" else f"-{name}"
        second = f"-{name}" if name == "endpoint" else name
        wanted = second if order == first else first
        sorting = {name: "ascending", f"-{name}": "descending"}.get(order, "none")
        made.append({"name": name, "title": title, "query": urlencode({**given, "order": wanted}), "sort": sorting})
    return made


def sentence(result: Result) -> str:
    """How things are, in one sentence: what fails most, or that little does."""
    totals = result.totals
    if not totals["requests"]:
        return "No requests in this range."
    failing = max(result.rows, key=lambda row: row["errors"])
    if failing["errors"] < FEW_ERRORS:
        return f"{number(totals['requests'])} requests, {_failed(totals['errors'])}."
    return (
        f"{failing['endpoint']} fails most: {number(failing['errors'])} of {number(failing['requests'])} requests"
        f" ({cell('error_rate', failing['error_rate'])})."
    )


def _failed(errors: int) -> str:
    return "none of them failed" if not errors else f"{errors} of them failed"
