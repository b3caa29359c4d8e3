"""Suggestions are put aside, and brought back."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.pages.base import project_for, user_of
from accounts.roles import Right
from endpoint_stats import dismissals

from . import suggestions


@login_required
@require_POST
def dismiss(request: HttpRequest, slug: str) -> HttpResponse:
    project = project_for(request, slug, Right.SEE)
    key, text = request.POST.get("key", ""), request.POST.get("text", "")
    if not _readable(key, text):
        return _unreadable()
    dismissals.dismiss(project, user_of(request), key, text, timezone.now())
    return _back(request, slug, {"key": key, "text": text})


@login_required
@require_POST
def bring_back(request: HttpRequest, slug: str) -> HttpResponse:
    project = project_for(request, slug, Right.SEE)
    key = request.POST.get("key", "")
    if not _readable(key, ""):
        return _unreadable()
    dismissals.bring_back(project, user_of(request), key)
    return _back(request, slug, None)


def _readable(key: str, text: str) -> bool:
    return len(key) == 64 and set(key) <= set("0123456789abcdef") and "\0" not in text


def _unreadable() -> HttpResponse:
    return HttpResponseBadRequest("This suggestion cannot be read. Go back, load the page again, and try once more.")


def _back(request: HttpRequest, slug: str, undo: dict[str, str] | None) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return suggestions.page(request, slug, undo)
    return redirect(f"{reverse('suggestions', args=[slug])}?{request.GET.urlencode()}")
