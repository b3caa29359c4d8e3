"""The ledger: every import, and what each key sent in each hour; an import can be taken back from here."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.audit import Action, note
from accounts.models import Project
from accounts.services import may_edit, visible_projects
from endpoint_stats.ingest.ledger import RollbackError, take_back
from endpoint_stats.ingest.sources.base import REASONS
from endpoint_stats.models import SourceKind
from endpoint_stats.query import ledger
from endpoint_stats.query.render import number

LINES = 100
RECENT = timedelta(hours=24)
WAYS = {
    SourceKind.IMPORT: "import",
    SourceKind.HITS: "hits by HTTP",
    SourceKind.LOGS: "log lines by HTTP",
    SourceKind.TRACES: "OpenTelemetry traces",
    SourceKind.METRICS: "OpenTelemetry metrics",
}


def _project(request: HttpRequest, slug: str) -> tuple[Project, list[Project]]:
    projects = list(visible_projects(request.user))
    project = next((one for one in projects if one.slug == slug), None)
    if project is None:
        raise Http404
    return project, projects


@login_required
@require_safe
def ledger_page(request: HttpRequest, slug: str) -> HttpResponse:
    project, projects = _project(request, slug)
    try:
        before = UUID(request.GET["before"]) if "before" in request.GET else None
    except ValueError as error:
        raise Http404 from error
    found = ledger.lines(project.pk, limit=LINES + 1, before=before)
    shown = found[:LINES]
    context = {
        "project": project,
        "projects": projects,
        "lines": [_shown(line) for line in shown],
        "sentence": sentence(shown, timezone.now()) if before is None else "",
        "more": shown[-1].id if len(found) > LINES else None,
        "may_edit": may_edit(request.user, project),
    }
    return render(request, "endpoint_stats/ledger.html", context)


def _shown(line: ledger.Line) -> dict[str, Any]:
    reasons = [
        {"reason": reason, "count": count, "said": REASONS.get(reason, "")} for reason, count in line.rejected.items()
    ]
    return {"line": line, "way": WAYS.get(SourceKind(line.source), line.source), "reasons": reasons}


def sentence(lines: list[ledger.Line], now: datetime) -> str:
    """What came in during the last day, and whether any of it was refused."""
    recent = [line for line in lines if (line.finished or line.started) >= now - RECENT]
    if not recent:
        return "Nothing was received in the last 24 hours."
    received, refused = sum(line.received for line in recent), sum(line.refused for line in recent)
    said = f"{number(received)} received in the last 24 hours"
    return f"{said}, {number(refused)} of them rejected." if refused else f"{said}, none rejected."


@login_required
@require_POST
def roll_back(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    """Take an import back; importing the file again is the way to undo that."""
    project, _ = _project(request, slug)
    line = ledger.line(project.pk, id)
    if line is None:
        raise Http404
    if not may_edit(request.user, project):
        messages.error(request, "You may look at this project, not change it. Ask an owner or editor.")
    else:
        try:
            batch = take_back(id)
            note(Action.BATCH_TAKEN_BACK, by=request.user, project=project, target=batch.name, request=request)
            hits = "1 hit no longer counts" if line.stored == 1 else f"{number(line.stored)} hits no longer count"
            messages.success(request, f"{batch.name} was taken back: {hits}. Import it again to undo.")
        except RollbackError as error:
            messages.error(request, str(error))
    return redirect("ledger", slug=slug)


@login_required
@require_safe
def waiting(request: HttpRequest, slug: str) -> HttpResponse:
    """Asked by the empty overview every few seconds: nothing to say until the first request is counted."""
    project, _ = _project(request, slug)
    response = HttpResponse(status=204)
    if any(line.stored for line in ledger.lines(project.pk, limit=20)):
        response = HttpResponse()
        response["HX-Refresh"] = "true"
    response["Cache-Control"] = "no-store"
    return response
