"""What pages of alerts' settings share: the page itself, what can be undone, and errors of services in forms."""

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import Project
from accounts.pages.base import tabs_of
from accounts.roles import RIGHTS, Right
from accounts.services import role_of, visible_projects

UNDO = "alerts_undo"


def page(
    request: HttpRequest, project: Project, name: str, context: dict[str, Any], *, here: str, status: int = 200
) -> HttpResponse:
    """A page of a project's settings; ``here``: the tab that it belongs to."""
    rights = RIGHTS[role_of(request.user, project) or ""]
    around = {
        "project": project,
        "projects": list(visible_projects(request.user)),
        "tabs": tabs_of(request, project),
        "here": here,
        "may_edit": Right.EDIT in rights,
        "may_manage": Right.MANAGE in rights,
        "undo": undo_of(request, project, here),
    }
    return render(request, f"alerts/settings/{name}.html", around | context, status=status)


def remember(request: HttpRequest, project: Project, here: str, said: str, **what: Any) -> None:
    """What was done last, so that it can be undone on the page ``here``, as long as nothing else is done."""
    request.session[UNDO] = {"project": project.pk, "here": here, "said": said} | what


def undo_of(request: HttpRequest, project: Project, here: str) -> dict[str, Any] | None:
    held = request.session.get(UNDO)
    if held is None or (held["project"], held["here"]) != (project.pk, here):
        return None
    return dict(held)


def take_undo(request: HttpRequest, project: Project, here: str) -> dict[str, Any]:
    """Once. Raises ValidationError where there is nothing to undo."""
    held = undo_of(request, project, here)
    if held is None:
        raise ValidationError("There is nothing to undo any more.")
    del request.session[UNDO]
    return held


def refuse(form: forms.Form, error: ValidationError) -> None:
    """A service's refusal, where it belongs in the form."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for name, messages in error.message_dict.items():
        form.add_error(name if name in form.fields and name != NON_FIELD_ERRORS else None, messages)
