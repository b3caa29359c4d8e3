"""Projects: a new one, and the general settings of one."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import AuditEvent, time_zones
from accounts.roles import Right
from accounts.services import projects, visible_projects

from .base import project_for, said, settings_page, user_of

LINES = 100


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    context: dict[str, Any] = {"zones": time_zones(), "projects": list(visible_projects(request.user))}
    if request.method == "POST":
        name, zone = request.POST.get("name", "").strip(), request.POST.get("time_zone", "UTC")
        try:
            made = projects.create_named(name, user_of(request), time_zone=zone, request=request)
            return redirect("overview", slug=made.slug)
        except ValidationError as error:
            context |= {"problem": said(error), "name": name, "zone": zone}
    return render(request, "accounts/new_project.html", context, status=422 if "problem" in context else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def general(request: HttpRequest, slug: str) -> HttpResponse:
    project = project_for(request, slug, Right.MANAGE if request.method == "POST" else Right.SEE)
    context: dict[str, Any] = {"zones": time_zones(), "grace": settings.DELETE_GRACE.days}
    if request.method == "POST":
        values = {"name": request.POST.get("name", "").strip(), "time_zone": request.POST.get("time_zone", "")}
        try:
            projects.change(project, values, by=user_of(request), request=request)
            messages.success(request, "Saved.")
            return redirect("project-settings", slug=slug)
        except ValidationError as error:
            context["problem"] = said(error)
    return settings_page(request, project, "general", context, status=422 if "problem" in context else 200)


@login_required
@require_POST
def archive(request: HttpRequest, slug: str) -> HttpResponse:
    project = project_for(request, slug, Right.MANAGE)
    projects.archive(project, timezone.now(), by=user_of(request), request=request)
    messages.success(request, f"{project.name} is archived: its numbers stay, nothing more is taken in.")
    return redirect("project-settings", slug=slug)


@login_required
@require_POST
def restore(request: HttpRequest, slug: str) -> HttpResponse:
    project = project_for(request, slug, Right.MANAGE)
    projects.restore(project, by=user_of(request), request=request)
    messages.success(request, f"{project.name} {'stays, in the archive' if project.closed else 'is in use again'}.")
    return redirect("project-settings", slug=slug)


@login_required
@require_POST
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    project = project_for(request, slug, Right.MANAGE)
    if request.POST.get("slug") != project.slug:
        messages.error(request, f"Nothing was deleted. Write {project.slug} to delete the project.")
    else:
        after = projects.delete(project, timezone.now(), by=user_of(request), request=request)
        messages.success(request, f"{project.name} will be deleted on {after:%-d %B %Y}. Until then you can keep it.")
    return redirect("project-settings", slug=slug)


@login_required
@require_safe
def audit(request: HttpRequest, slug: str) -> HttpResponse:
    project = project_for(request, slug, Right.MANAGE)
    events = AuditEvent.objects.filter(project=project)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) < 19:
        events = events.filter(pk__lt=int(before))
    found = list(events.order_by("-pk")[: LINES + 1])
    more = found[LINES - 1].pk if len(found) > LINES else None
    return settings_page(request, project, "audit", {"events": found[:LINES], "more": more})
