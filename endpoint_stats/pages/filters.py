"""The form of filters: asked for when somebody wants it, so that no page pays for it."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.pages.base import project_for
from accounts.services import visible_projects
from endpoint_stats.models import Endpoint
from endpoint_stats.query.choices import Choices, choices

from .address import TITLES, Address

STATUSES = ("2xx", "3xx", "4xx", "5xx")
# What can be filtered by on each page: not by what it is of, and only by what is kept together with it.
ASKED = {
    "overview": ("service", "method", "route", "status", "consumer", "release"),
    "endpoint": ("status", "consumer", "release"),
    "consumers": ("service", "method", "route", "status"),
    "releases": ("service", "method", "route", "status"),
    "compare": ("service", "method", "route", "consumer", "release"),
}


@login_required
@require_safe
def filters_form(request: HttpRequest, slug: str, id: UUID | None = None, page: str = "overview") -> HttpResponse:
    """Of a page, or of the endpoint ``id``. A part of a page where htmx asks."""
    project = project_for(request, slug)
    if id is not None and not Endpoint.objects.filter(project=project, id=id).exists():
        raise Http404
    address = Address.of(request.GET)
    address = address if page == "compare" else address.elsewhere()
    fields = fields_of(address, choices(project.pk), ASKED["endpoint" if id else page])
    asked = {name for name, *_ in fields}
    context: dict[str, Any] = {
        "project": project,
        "fields": [dict(zip(("name", "title", "value", "offered"), field, strict=True)) for field in fields],
        "kept": [(name, value) for name, value in address.pairs() if name not in asked],
        "action": reverse("endpoint", args=[slug, id]) if id else reverse(page, args=[slug]),
    }
    if request.headers.get("HX-Request"):
        return render(request, "endpoint_stats/_filters_form.html", context)
    context["projects"] = list(visible_projects(request.user))
    return render(request, "endpoint_stats/filters.html", context)


def fields_of(address: Address, known: Choices, asked: tuple[str, ...]) -> list[tuple[str, str, str, list[str]]]:
    """Name, title, what it is now, and what is offered, of each field. One that has several values stays as it is."""
    offered: dict[str, list[str]] = {
        "service": known.services,
        "method": known.methods,
        "route": [],
        "status": list(STATUSES),
        "consumer": known.consumers,
        "release": known.versions,
    }
    now = {name: values for name, values in address.filters}
    return [
        (f"filter.{name}", TITLES[name], now.get(name, ("",))[0], values)
        for name, values in offered.items()
        if name in asked and len(now.get(name, ())) < 2
    ]
