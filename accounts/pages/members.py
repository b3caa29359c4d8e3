"""Members of a project: listed, invited, changed, taken out."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Role
from accounts.roles import Right
from accounts.services import members

from .base import project_for, said, settings_page, user_of


@login_required
@require_safe
def listed(request: HttpRequest, slug: str) -> HttpResponse:
    return _page(request, slug)


def _page(request: HttpRequest, slug: str, **more: object) -> HttpResponse:
    project = project_for(request, slug)
    context = {
        "members": project.memberships.select_related("user").order_by("user__email"),
        "invitations": project.invitations.filter(expires__gt=timezone.now()).order_by("email"),
        "roles": Role.choices,
        **more,
    }
    return settings_page(request, project, "members", context, status=422 if "problem" in more else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: HttpRequest, slug: str) -> HttpResponse:
    """Where the message was sent, its link is shown to nobody: it is the proof of the address."""
    project = project_for(request, slug, Right.MANAGE)
    if request.method != "POST":
        return _page(request, slug)  # who comes back to the address of the answer
    email, role = request.POST.get("email", ""), request.POST.get("role", "")
    try:
        invitation, token = members.invite(email, project, role, by=user_of(request), request=request)
    except ValidationError as error:
        return _page(request, slug, problem=said(error), email=email)
    link = request.build_absolute_uri(reverse("follow-invitation", args=[token]))
    sent = members.send(invitation, link)
    return _page(request, slug, invited=invitation, link="" if sent else link)


@login_required
@require_POST
def change(request: HttpRequest, slug: str, id: int) -> HttpResponse:
    """Another role, or out. One field says which, so that a form has one address."""
    project = project_for(request, slug, Right.MANAGE)
    member = project.memberships.select_related("user", "project").filter(pk=id).first()
    if member is None:
        raise Http404
    role = request.POST.get("role", "")
    try:
        if role == "remove":
            members.remove(member, by=user_of(request), request=request)
            messages.success(request, f"{member.user.email} is no longer a member. Invite them again to undo.")
        elif role == "transfer":
            members.transfer(project, member, by=user_of(request), request=request)
            messages.success(request, f"{member.user.email} is now the owner in your place. You are an editor.")
        else:
            members.set_role(member, role, by=user_of(request), request=request)
            messages.success(request, f"{member.user.email} is now {role}.")
    except ValidationError as error:
        messages.error(request, said(error))
    if not project.memberships.filter(user=user_of(request)).exists():
        return redirect("home")  # who took themselves out
    return redirect("members", slug=slug)


@login_required
@require_POST
def leave(request: HttpRequest, slug: str) -> HttpResponse:
    project = project_for(request, slug)
    member = project.memberships.select_related("user", "project").get(user=user_of(request))
    try:
        members.remove(member, by=member.user, request=request)
    except ValidationError as error:
        messages.error(request, said(error))
        return redirect("members", slug=slug)
    messages.success(request, f"You left {project.name}.")
    return redirect("home")


@login_required
@require_POST
def withdraw(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    project = project_for(request, slug, Right.MANAGE)
    invitation = project.invitations.filter(pk=id).first()
    if invitation is None:
        raise Http404
    members.withdraw(invitation, by=user_of(request), request=request)
    messages.success(request, f"The invitation of {invitation.email} was withdrawn.")
    return redirect("members", slug=slug)
