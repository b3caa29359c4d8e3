"""API keys of a project."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Project, Scope
from accounts.roles import Right
from accounts.services import keys

from .base import project_for, said, settings_page, user_of

DURATIONS = ((0, "never"), (30, "in 30 days"), (90, "in 90 days"), (365, "in a year"))
SCOPES = (
    (Scope.INGEST, "ingest: send hits, see nothing"),
    (Scope.READ, "read: see numbers"),
    (Scope.WRITE, "write: see numbers, make and revoke keys"),
)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def listed(request: HttpRequest, slug: str) -> HttpResponse:
    """A new key is shown on the answer to its form, and never again."""
    project = project_for(request, slug, Right.EDIT)
    context: dict[str, object] = {"scopes": SCOPES, "durations": DURATIONS}
    if request.method == "POST":
        given = {name: request.POST.get(name, "") for name in ("name", "scope", "days", "quota")}
        try:
            made, secret = keys.create(
                project,
                given["scope"],
                given["name"],
                days=_number(given["days"] or "0"),
                hits_per_minute=_number(given["quota"]) if given["quota"] else None,
                by=user_of(request),
                request=request,
            )
            context |= {"made": made, "secret": secret}
        except ValidationError as error:
            context |= {"problem": said(error), "given": given | {"days": _number(given["days"])}}
    context |= {"keys": _listed(project), "address": request.build_absolute_uri("/").rstrip("/")}
    return settings_page(request, project, "keys", context, status=422 if "problem" in context else 200)


def _number(text: str) -> int:
    """-1, which is refused, for what is no number."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else -1


def _listed(project: Project) -> list[dict[str, object]]:
    now = timezone.now()
    found = project.api_keys.select_related("created_by").order_by("revoked", "-created")
    return [{"key": key, "usable": keys.usable(key, now)} for key in found]


@login_required
@require_POST
def revoke(request: HttpRequest, slug: str, prefix: str) -> HttpResponse:
    project = project_for(request, slug, Right.EDIT)
    key = project.api_keys.select_related("project").filter(prefix=prefix).first()
    if key is None:
        raise Http404
    keys.revoke(key, by=user_of(request), request=request)
    messages.success(request, f"{key.name} ({key.prefix}) is revoked: nothing more is taken from it.")
    return redirect("keys", slug=slug)


@login_required
@never_cache
@require_POST
def first(request: HttpRequest, slug: str) -> HttpResponse:
    """For the empty overview: the curl with a real key filled in. A part of a page."""
    project = project_for(request, slug, Right.EDIT)
    if project.closed:
        raise PermissionDenied("Nothing is taken in by this project: use it again first, in its settings.")
    _, secret = keys.create(project, Scope.INGEST, "first requests", by=user_of(request), request=request)
    context = {"secret": secret, "address": request.build_absolute_uri("/").rstrip("/"), "project": project}
    return render(request, "accounts/_curl.html", context)
