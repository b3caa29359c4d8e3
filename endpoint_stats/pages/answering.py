"""How every page of numbers answers: whose project it is, what its address says, one reading, one template."""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts.models import Project
from accounts.services import visible_projects
from endpoint_stats.query.kept import KeptReading, kept_reading
from endpoint_stats.query.spec import QueryError

from .address import Address
from .frame import Frame, filters, sharing

# What a page shows of its frame, asked of one snapshot. Raises QueryError for what cannot be answered.
Show = Callable[[KeptReading, Frame], dict[str, Any]]


def own_project(request: HttpRequest, slug: str) -> tuple[Project, list[Project]]:
    """The project, and all that whoever asks may see. Raises Http404 for a foreign one exactly as for a missing one."""
    projects = list(visible_projects(request.user))
    project = next((one for one in projects if one.slug == slug), None)
    if project is None:
        raise Http404
    return project, projects


def answer(
    request: HttpRequest,
    whose: tuple[Project, list[Project]],
    template: str,
    show: Show,
    *,
    filters_address: str,
    fixed: str = "",
    locked: tuple[str, str] | None = None,
    finest: int = 1,
    more: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """``fixed``: a filter that the page itself is of, which its address cannot set; ``locked``: the one that a link to
    share has for it. ``finest``: minutes a bucket at
    least. ``more``: what the template needs even where nothing can be answered, whatever the frame says of it."""
    project, projects = whose
    address = Address.of(request.GET)
    if fixed:
        address = address.filtered(fixed)
    if Address.is_untidy(request.GET):
        return redirect(f"{request.path}?{address.query()}")
    context: dict[str, Any] = {
        "project": project,
        "projects": projects,
        "filters_address": filters_address,
        **filters(address),
        **sharing(project, address.filtered(*locked) if locked else address),
    }
    own = {"has_data": True, **(more or {})}
    try:
        with kept_reading(request.user, project.pk) as store:
            frame = Frame.of(project, address, store.span, timezone.now(), finest=finest)
            shown = show(store, frame)
            span = store.span
    except QueryError as error:
        return render(request, template, context | own | {"problem": str(error)}, status=422)
    return render(request, template, context | frame.context(span) | own | {"has_data": span is not None} | shown)
