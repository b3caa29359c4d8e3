"""The live page, and what it asks every two seconds."""

from concurrent.futures import CancelledError
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.services import find_project
from endpoint_stats.pages.address import PEOPLE_ONLY
from endpoint_stats.pages.answering import own_project
from endpoint_stats.query.spec import FILTER, QueryError

from . import passes
from .shown import address_of, elsewhere, shown

TOO_SLOW = "The database takes too long to answer."
AWAY = "The database does not answer."
# CancelledError: the thread that computed it for all was ended.
UNANSWERED = (QueryError, OperationalError, InterfaceError, TimeoutError, CancelledError)


def people_only(request: HttpRequest) -> bool:
    """The one filter of the page: bots and health checks are hidden."""
    name, values = PEOPLE_ONLY
    return tuple(request.GET.getlist(f"{FILTER}{name}")) == values


@login_required
@require_safe
def live(request: HttpRequest, slug: str) -> HttpResponse:
    project, projects = own_project(request, slug)
    hidden = people_only(request)
    address = address_of(people_only=hidden)
    context: dict[str, Any] = {
        "project": project,
        "projects": projects,
        "switch": address.switch(),
        "here": address.query(),
        "overview": f"{reverse('overview', args=[slug])}?{elsewhere(address)}",
        "pass": passes.give(request, project.pk, slug),
    }
    try:
        found = shown(project.pk, people_only=hidden)
    except UNANSWERED as error:
        problem, status = _problem(error)
        return _fresh(render(request, "endpoint_stats/live.html", context | {"problem": problem}, status=status))
    if found is None:
        raise Http404
    return _fresh(render(request, "endpoint_stats/live.html", context | {"shown": found}))


@login_required
@require_safe
def live_now(request: HttpRequest, slug: str) -> HttpResponse:
    """Where the page brings no pass that is good: who asks is looked up again, and given a new one."""
    project = find_project(request.user, slug)
    response = answer(project.pk, hidden=people_only(request)) if project else None
    if project is None or response is None:
        raise Http404
    response[passes.HEADER] = passes.give(request, project.pk, slug)
    return response


def answer(project_id: int, *, hidden: bool) -> HttpResponse | None:
    """What everybody who may look is told; None where the project is gone."""
    try:
        found = shown(project_id, people_only=hidden)
    except UNANSWERED as error:
        problem, status = _problem(error)
        return _fresh(JsonResponse({"problem": problem}, status=status))
    return _fresh(HttpResponse(found.body, content_type="application/json")) if found else None


def _problem(error: Exception) -> tuple[str, int]:
    if isinstance(error, QueryError):
        return TOO_SLOW if error.code == "time_limit" else str(error), 503
    return TOO_SLOW if isinstance(error, TimeoutError) else AWAY, 503


def _fresh(response: HttpResponse) -> HttpResponse:
    """An old pass, and numbers that are over, come back from no cache."""
    response["Cache-Control"] = "no-store"
    return response
