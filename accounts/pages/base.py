"""What pages of a project share: who may open them, and what stands around each."""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from accounts import registry
from accounts.models import Project, User
from accounts.registry import SettingsPage
from accounts.roles import RIGHTS, Right
from accounts.services import find_project, role_of, visible_projects

OWN_PAGES = (
    SettingsPage("General", "project-settings", Right.SEE),
    SettingsPage("Members", "members", Right.SEE),
    SettingsPage("API keys", "keys", Right.EDIT),
)
WHOM_TO_ASK = {
    Right.EDIT: "You may look at this project, not change it. Ask an owner to make you an editor.",
    Right.MANAGE: "Only an owner may do this. The members of the project are listed in its settings.",
}
# Forms with an address of their own, and the page that answers them.
ANSWERS = {"invite": "members"}
LAST_PAGES = (SettingsPage("Audit log", "project-audit", Right.MANAGE),)


def user_of(request: HttpRequest) -> User:
    """Who is signed in; for views behind ``login_required``."""
    assert isinstance(request.user, User)
    return request.user


def project_for(request: HttpRequest, slug: str, right: Right = Right.SEE) -> Project:
    """The project. Raises Http404 for a foreign one exactly as for a missing one, and PermissionDenied for a member
    who may not do this."""
    project = find_project(request.user, slug)
    if project is None:
        raise Http404
    if right not in RIGHTS[role_of(request.user, project) or ""]:
        raise PermissionDenied(WHOM_TO_ASK[right])
    return project


def tabs_of(request: HttpRequest, project: Project) -> list[SettingsPage]:
    """The pages of a project's settings that whoever asks may open."""
    rights = RIGHTS[role_of(request.user, project) or ""]
    return [page for page in (*OWN_PAGES, *registry.settings_pages.values(), *LAST_PAGES) if page.right in rights]


def settings_page(
    request: HttpRequest, project: Project, name: str, context: dict[str, Any], **kwargs: Any
) -> HttpResponse:
    """A page of a project's settings, with its tabs."""
    rights = RIGHTS[role_of(request.user, project) or ""]
    here = (request.resolver_match.url_name or "") if request.resolver_match else ""
    around = {
        "project": project,
        "projects": list(visible_projects(request.user)),
        "tabs": tabs_of(request, project),
        "here": ANSWERS.get(here, here),
        "may_edit": Right.EDIT in rights,
        "may_manage": Right.MANAGE in rights,
    }
    return render(request, f"accounts/project/{name}.html", around | context, **kwargs)


def said(error: ValidationError) -> str:
    """What was wrong, in one line."""
    return " ".join(error.messages)
