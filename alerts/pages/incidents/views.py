"""The pages of incidents, and what can be done about one."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.base import project_for, said, user_of
from accounts.roles import Right
from accounts.services import edits
from alerts.models import Incident
from alerts.services import incidents as service
from endpoint_stats.ids import uuid7
from endpoint_stats.pages.answering import own_project

from . import shown
from .listing import listing


@login_required
@require_safe
def incidents(request: HttpRequest, slug: str) -> HttpResponse:
    project, projects = own_project(request, slug)
    try:
        before = UUID(request.GET["before"]) if "before" in request.GET else None
        state = request.GET.get("state", "")
        if state not in service.STATES:
            raise Http404
        context = listing(project, state, before, timezone.now())
    except (ValueError, Incident.DoesNotExist) as error:
        raise Http404 from error
    around = {"project": project, "projects": projects, "may_edit": edits(project)}
    return render(request, "alerts/incidents/incidents.html", around | context)


@login_required
@require_safe
def incident(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    project, projects = own_project(request, slug)
    found, now = _find(project, id), timezone.now()
    context = _state(request, found, now, may_edit=edits(project))
    listed = context["all_groups"]
    context |= shown.picture(found, context["rule"], listed, now)
    context |= shown.behind(user_of(request), found, context["rule"], listed, now)
    context |= {"projects": projects, "once": uuid7()}
    return render(request, "alerts/incidents/incident.html", context)


@login_required
@require_safe
def incident_now(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    """What changes of the page, which asks while the incident is open."""
    project, _ = own_project(request, slug)
    response = _part(request, _find(project, id), timezone.now(), may_edit=edits(project))
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def acknowledge(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    found, now = _find(project_for(request, slug, Right.EDIT), id), timezone.now()
    service.acknowledge(found, now, by=user_of(request))
    return _back(request, found, now)


@login_required
@require_POST
def take_back(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    found, now = _find(project_for(request, slug, Right.EDIT), id), timezone.now()
    service.take_back(found, now, by=user_of(request))
    return _back(request, found, now)


@login_required
@require_POST
def comment(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    found, now = _find(project_for(request, slug, Right.EDIT), id), timezone.now()
    text = request.POST.get("text", "")
    try:
        once = UUID(request.POST.get("once", ""))
    except ValueError:
        once = uuid7()
    try:
        service.comment(found, text, once, now, by=user_of(request))
    except ValidationError as error:
        if not request.headers.get("HX-Request"):
            messages.error(request, said(error))
        return _back(request, found, now, {"once": once, "text": text, "problem": said(error)})
    return _back(request, found, now, {"once": uuid7()})


def _find(project: Any, id: UUID) -> Incident:
    """Raises Http404 for one of another project exactly as for a missing one."""
    found = shown.find(project, id)
    if found is None:
        raise Http404
    return found


def _back(request: HttpRequest, found: Incident, now: datetime, form: dict[str, Any] | None = None) -> HttpResponse:
    """The page, or its part where htmx asks; ``form``: of the comment, which is put in place beside it."""
    if not request.headers.get("HX-Request"):
        return redirect("incident", slug=found.project.slug, id=found.pk)
    found = _find(found.project, found.pk)
    return _part(request, found, now, may_edit=True, form=form)


def _part(
    request: HttpRequest, found: Incident, now: datetime, *, may_edit: bool, form: dict[str, Any] | None = None
) -> HttpResponse:
    context = _state(request, found, now, may_edit=may_edit)
    context |= shown.picture(found, context["rule"], context["all_groups"], now)
    return render(request, "alerts/incidents/_part.html", context | {"form": form})


def _state(request: HttpRequest, found: Incident, now: datetime, *, may_edit: bool) -> dict[str, Any]:
    project = found.project
    silences = shown.address_of("silences", project.slug)
    return shown.state(found, now) | {
        "project": project,
        "may_edit": may_edit,
        "silence": f"{silences}?incident={found.pk}" if silences else "",
        "source": found.link if found.link.startswith(("https://", "http://")) else "",
        "rules": shown.address_of("rules", project.slug),
    }
