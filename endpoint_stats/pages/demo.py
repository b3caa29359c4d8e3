"""The demo: a project of its own, filled by a worker, and removed at once by whoever loaded it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_q.tasks import async_task

from accounts.pages.base import project_for, user_of
from accounts.roles import Right
from accounts.services import projects
from endpoint_stats.ingest.uploads import records

from . import registry


@login_required
@require_POST
def load(request: HttpRequest) -> HttpResponse:
    """Leads to the demo that there is, if there is one."""
    offered = registry.demo()
    if offered is None:
        raise Http404
    now, user = timezone.now(), user_of(request)
    with transaction.atomic():
        project, new = projects.create_demo(user, offered.title, request=request)
        if new:
            records.queue_demo(project, user, offered.name(now), now)
    return redirect("overview", slug=project.slug)


@login_required
@require_POST
def remove(request: HttpRequest, slug: str) -> HttpResponse:
    project = project_for(request, slug, Right.MANAGE)
    if not project.demo:
        messages.error(request, "Only a demo is removed at once. Projects are deleted in their settings.")
        return redirect("project-settings", slug=slug)
    now = timezone.now()
    with transaction.atomic():
        for upload in records.unfinished(project):
            records.discard(upload, now)
        projects.remove_demo(project, now, by=user_of(request), request=request)
        # Should the queue lose it, the hourly purge finds it.
        async_task("endpoint_stats.workers.tasks.purge_project", project_id=project.pk)
    messages.success(request, f"{project.name} is removed.")
    return redirect("home")
