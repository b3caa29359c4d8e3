"""Following an invitation: by the link that was sent, then as who one is, or becomes."""

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.services import members
from accounts.sign_in import invited

from .base import said


@never_cache
@require_safe
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """The token leaves the address at once, so that it stands in no history and no referrer."""
    invitation = members.by_token(token, timezone.now())
    if invitation is None:
        return render(request, "accounts/invitation_over.html", status=404)
    invited.follow(request, invitation)
    return redirect("invitation")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest) -> HttpResponse:
    invitation = invited.invitation_of(request)
    if invitation is None:
        return render(request, "accounts/invitation_over.html", status=404)
    if not isinstance(request.user, User):
        # Whoever has a link that only the mailbox was sent needs no other proof of the address.
        get_adapter().stash_verified_email(request, invitation.email if invitation.mailed else None)
        return render(request, "accounts/invitation.html", {"invitation": invitation})
    if request.method == "POST":
        try:
            members.accept(invitation, request.user, request=request)
        except ValidationError as error:
            messages.error(request, said(error))
            return redirect("home")
        invited.forget(request)
        if invitation.project is not None:
            messages.success(request, f"You are now a member of {invitation.project.name}.")
            return redirect("overview", slug=invitation.project.slug)
        return redirect("home")
    return render(request, "accounts/invitation.html", {"invitation": invitation})
