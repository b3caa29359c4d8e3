"""The search box: endpoints, consumers, versions and pages by words of their names."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.models import Project
from accounts.pages.base import project_for, tabs_of
from accounts.services import visible_projects
from endpoint_stats.query.search import search, words_of

from . import registry
from .address import Address

LIMIT = 8  # of a kind


@login_required
@require_safe
def found(request: HttpRequest, slug: str) -> HttpResponse:
    """A part of a page where htmx asks, as somebody types."""
    project = project_for(request, slug)
    text = request.GET.get("q", "")
    words = words_of(text)
    names = search(project.pk, words, LIMIT)
    context: dict[str, Any] = {
        "project": project,
        "q": " ".join(words),
        "endpoints": names.endpoints,
        "by_name": [
            (title, [(value, _filtered(project, name, value)) for value in values])
            for title, name, values in (
                ("Consumers", "consumer", names.consumers),
                ("Versions", "release", names.versions),
            )
            if values
        ],
        "pages": _pages(request, project, words),
    }
    if request.headers.get("HX-Request"):
        return render(request, "endpoint_stats/_found.html", context)
    return render(request, "endpoint_stats/found.html", context | {"projects": list(visible_projects(request.user))})


def _filtered(project: Project, name: str, value: str) -> str:
    return f"{reverse('overview', args=[project.slug])}?{Address({}).filtered(name, value).query()}"


def _pages(request: HttpRequest, project: Project, words: list[str]) -> list[tuple[str, str]]:
    """Pages of the project, and other projects, whose titles have all of the words."""
    listed = [
        (title, reverse(name, args=[project.slug]))
        for title, name in (
            ("Overview", "overview"),
            ("Live", "live"),
            ("Consumers", "consumers"),
            ("Releases", "releases"),
            ("Compare", "compare"),
            ("What stands out", "suggestions"),
            ("Ledger", "ledger"),
        )
    ]
    listed += [(page.title, address) for page, address in registry.pages(project)]
    listed += [(f"Settings: {tab.title}", reverse(tab.route, args=[project.slug])) for tab in tabs_of(request, project)]
    listed += [
        (f"Project {other.name}", reverse("overview", args=[other.slug]))
        for other in visible_projects(request.user)
        if other.pk != project.pk
    ]
    return [page for page in listed if words and all(word.lower() in page[0].lower() for word in words)][:LIMIT]
