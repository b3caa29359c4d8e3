"""A log that comes by the page: sent, looked at, imported by a worker, and what became of it to the line."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Project
from accounts.pages.base import project_for, user_of
from accounts.roles import Right
from accounts.services import may_edit, visible_projects
from endpoint_stats.ingest.sources.known import names
from endpoint_stats.ingest.uploads import files, records
from endpoint_stats.ingest.uploads.preview import Unreadable
from endpoint_stats.models import Upload
from endpoint_stats.query.render import size

from .uploaded import part_context

# Besides the file, a form has a few fields and the boundaries between them.
FORM_BYTES = 1 << 20
CHUNK = 1 << 16
MAX_SERVICE, MAX_FORMAT = 200, 2000
State = Upload.State


class Refused(Exception):
    """What was sent is not taken; the text says why, and what to do."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def too_large(slug: str) -> str:
    return (
        f"This file is larger than {size(settings.UPLOAD_MAX_BYTES)}, and nothing of it was kept. Import it on the "
        f"server: manage.py import_log FILE --project {slug}"
    )


def form_context(project: Project) -> dict[str, Any]:
    """What the form of an upload needs."""
    most = settings.UPLOAD_MAX_BYTES
    return {"max_bytes": most, "max_size": size(most), "too_large": too_large(project.slug)}


# The form is read by a handler with a limit, which must be set before anybody looks at the form, for its token too: so
# the token is checked by _received.
@csrf_exempt
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest, slug: str) -> HttpResponse:
    project = project_for(request, slug, Right.EDIT)
    if request.method != "POST":
        return _page(request, project)
    try:
        return _receive(request, project)
    except Refused as error:
        _drain(request)
        return _page(request, project, str(error), error.status)


def _receive(request: HttpRequest, project: Project) -> HttpResponse:
    if project.closed:
        raise Refused(409, "This project is archived: nothing is taken in. An owner can restore it in its settings.")
    try:
        records.check_room(project)
    except records.TooMany as error:
        raise Refused(409, str(error)) from error
    announced = request.META.get("CONTENT_LENGTH") or ""
    if announced.isdecimal() and int(announced) > settings.UPLOAD_MAX_BYTES + FORM_BYTES:
        raise Refused(413, too_large(project.slug))
    handler = files.BoundedUpload(settings.UPLOAD_MAX_BYTES)
    request.upload_handlers = [handler]
    return _received(request, project, handler)


@csrf_protect
def _received(request: HttpRequest, project: Project, handler: files.BoundedUpload) -> HttpResponse:
    sent = request.FILES.get("log")
    if handler.too_large:
        raise Refused(413, too_large(project.slug))
    if handler.unwritten:
        raise Refused(507, f"The server could not keep the file ({handler.unwritten}). Nothing of it was kept.")
    if sent is None or sent.file is None:
        raise Refused(422, "Choose the file of a log to send.")
    now = timezone.now()
    try:
        made = records.receive(project, user_of(request), sent.file, handler.size, sent.name or "", "", now)
    except (Unreadable, records.TooMany) as error:
        raise Refused(422 if isinstance(error, Unreadable) else 409, str(error)) from error
    if handler.others:
        messages.error(request, f"Only {made.name} was taken: one log is sent at a time. Send the others after it.")
    return redirect("one-upload", slug=project.slug, id=made.id)


def _drain(request: HttpRequest) -> None:
    """Read what is still to come, within a bound: else its sender may find the connection closed, and never see why."""
    left = settings.UPLOAD_MAX_BYTES
    try:
        while left > 0 and (part := request.read(CHUNK)):
            left -= len(part)
    except OSError:
        return  # he is gone himself, or all was read


def _page(request: HttpRequest, project: Project, problem: str = "", status: int = 200) -> HttpResponse:
    context = {
        "project": project,
        "projects": list(visible_projects(request.user)),
        "problem": problem,
        "unfinished": records.unfinished(project),
        "most": records.MOST,
        **form_context(project),
    }
    return render(request, "endpoint_stats/upload.html", context, status=status)


def _find(project: Project, id: UUID) -> Upload:
    found = records.find(project, id)
    if found is None:
        raise Http404
    return found


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def one_upload(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    project = project_for(request, slug, Right.EDIT)
    found = _find(project, id)
    if request.method != "POST":
        return _one(request, found)
    do = {"preview": _preview, "import": _import, "discard": _discard}.get(request.POST.get("do", ""))
    if do is None:
        return _one(request, found, "Choose what is to be done with this log.", 422)
    try:
        return do(request, found, timezone.now())
    except Refused as error:
        return _one(request, found, str(error), error.status)


def _wanted(request: HttpRequest, found: Upload) -> tuple[str, str]:
    """The format and the service that the form names. Raises Refused."""
    given = request.POST.get("log_format", "").strip()
    format, service = given or request.POST.get("format", "") or found.format or "auto", request.POST.get("service", "")
    service = service.strip()
    if len(service) > MAX_SERVICE or not service.isprintable():
        raise Refused(422, f"A service has a name of at most {MAX_SERVICE} characters, in one line.")
    if len(format) > MAX_FORMAT or not format.isprintable():
        raise Refused(422, f"A log_format string has at most {MAX_FORMAT} characters, in one line.")
    return format, service


def _preview(request: HttpRequest, found: Upload, now: datetime) -> HttpResponse:
    _look(found, *_wanted(request, found), now)
    return redirect("one-upload", slug=found.project.slug, id=found.id)


def _look(found: Upload, format: str, service: str, now: datetime) -> None:
    try:
        if records.look_again(found, format, service, now) is None:
            raise Refused(409, "This upload is no longer waiting: see what became of it below.")
    except (Unreadable, FileNotFoundError) as error:
        said = str(error) if isinstance(error, Unreadable) else "Its file is no longer there. Send it again."
        raise Refused(422, said) from error


def _import(request: HttpRequest, found: Upload, now: datetime) -> HttpResponse:
    format, service = _wanted(request, found)
    if found.origin == Upload.Origin.FILE and format not in (found.format, "auto"):
        _look(found, format, service, now)
        if not found.format:
            return redirect("one-upload", slug=found.project.slug, id=found.id)  # which says that nothing fits
    records.queue(found, service, now)
    return redirect("one-upload", slug=found.project.slug, id=found.id)


def _discard(request: HttpRequest, found: Upload, now: datetime) -> HttpResponse:
    if records.discard(found, now):
        messages.success(request, f"{found.name} is discarded, and its file removed.")
    return redirect("upload", slug=found.project.slug)


def _one(request: HttpRequest, found: Upload, problem: str = "", status: int = 200) -> HttpResponse:
    waits = found.origin == Upload.Origin.FILE and found.state in (State.PREVIEWED, State.FAILED)
    known = names()
    preview = found.preview | {
        "rows": [row | {"time": _moment(row.get("time", ""))} for row in found.preview.get("rows", [])],
        "first": _moment(found.preview.get("first", "")),
        "last": _moment(found.preview.get("last", "")),
    }
    context = {
        "project": found.project,
        "projects": list(visible_projects(request.user)),
        "problem": problem,
        "waits": waits,
        "preview": preview,
        "formats": known,
        "own_format": "" if found.format in known else found.format,
        **part_context(found, timezone.now(), may_edit=True),
    }
    return render(request, "endpoint_stats/one_upload.html", context, status=status)


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@login_required
@require_safe
def progress(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    """The part of a page that says how far it is; nothing where that was said already, so that nobody is told twice."""
    project = project_for(request, slug)
    found = _find(project, id)
    context = part_context(found, timezone.now(), may_edit=may_edit(request.user, project))
    response = HttpResponse(status=204)
    if request.GET.get("seen") != context["seen"]:
        on = "overview" if request.GET.get("on") == "overview" else ""
        response = render(request, "endpoint_stats/_upload.html", {"project": project, "on": on, **context})
        if on and found.state == State.COMPLETE:
            response["HX-Refresh"] = "true"
    response["Cache-Control"] = "no-store"
    return response
