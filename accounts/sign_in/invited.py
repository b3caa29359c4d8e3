"""The invitation that somebody follows, kept in the session until they have signed in or up."""

from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Invitation

_KEY = "invitation"


def follow(request: HttpRequest, invitation: Invitation) -> None:
    """By the digest of its link: another invitation to the same address has another one, and may say more."""
    request.session[_KEY] = invitation.token_digest


def invitation_of(request: HttpRequest) -> Invitation | None:
    """The invitation being followed, unless it was withdrawn, replaced, or has expired."""
    if not request.session.get(_KEY):
        return None
    return Invitation.objects.filter(token_digest=request.session[_KEY], expires__gt=timezone.now()).first()


def forget(request: HttpRequest) -> None:
    request.session.pop(_KEY, None)
