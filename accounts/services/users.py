"""Users: what is known of one, and what staff do for them. Each is deleted by the same rule, whoever asks."""

import logging
import re
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, Q
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from accounts import registry
from accounts.audit import Action, note
from accounts.models import ApiKey, AuditEvent, Invitation, Membership, Project, Role, User

from . import projects

logger = logging.getLogger(__name__)


def export(user: User) -> dict[str, Any]:
    """Everything that is known of ``user``, as JSON takes it. Secrets are named, not shown."""
    parts: dict[str, Any] = {
        "account": {
            "email": user.email,
            "name": user.name,
            "joined": user.date_joined,
            "last_sign_in": user.last_login,
        },
        "email_addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified", "primary")),
        "second_factors": list(Authenticator.objects.filter(user=user).values("type", "created_at", "last_used_at")),
        "sessions": list(
            UserSession.objects.filter(user=user).values("created_at", "last_seen_at", "ip", "user_agent")
        ),
        "projects": list(
            Membership.objects.filter(user=user).values(
                "role", "created", slug=F("project__slug"), name=F("project__name")
            )
        ),
        "api_keys_created": list(
            ApiKey.objects.filter(created_by=user).values("prefix", "name", "scope", "created", slug=F("project__slug"))
        ),
        "providers": list(
            SocialAccount.objects.filter(user=user).values("provider", "uid", "extra_data", "date_joined", "last_login")
        ),
        "audit_log": list(
            AuditEvent.objects.filter(actor=user).values(
                "time", "action", "project_slug", "target", "details", "network"
            )
        ),
        "audit_log_of_others_about_you": list(
            AuditEvent.objects.filter(target=user.email).exclude(actor=user).values("time", "action", "details")
        ),
        "cache": list(user.cache_use.values("day", "hits", "misses")),
    }
    return parts | {name: made(user) for name, made in registry.exports.items()}


def left_without_owner(user: User) -> list[Project]:
    """The projects with other members whose last owner ``user`` is."""
    owned = Project.objects.filter(memberships__user=user, memberships__role=Role.OWNER)
    return [
        project
        for project in owned
        if project.memberships.exclude(user=user).exists()
        and not project.memberships.exclude(user=user).filter(role=Role.OWNER, user__is_active=True).exists()
    ]


def password_given(user: User, *, by: User, request: HttpRequest | None = None) -> None:
    """After staff set a user's password, or took it away: noted, told, and not for long."""
    with transaction.atomic():
        give_password(user, timezone.now())
        details = {"changed": ["password"] if user.has_usable_password() else ["no password"]}
        note(Action.USER_CHANGED, by=by, target=user.email, details=details, request=request)
        what = "set another password for" if user.has_usable_password() else "took away the password of"
        transaction.on_commit(lambda: tell(user.email, f"{what} your account"))


def give_password(user: User, now: datetime) -> None:
    """Their password is from somebody else: it is good for ``FIRST_PASSWORD``, and for setting one of their own."""
    ends = settings.FIRST_PASSWORD and user.has_usable_password()
    user.first_password_ends = now + settings.FIRST_PASSWORD if ends else None
    user.save(update_fields=["first_password_ends"])


def activate(user: User, *, by: User, request: HttpRequest | None = None) -> None:
    with transaction.atomic():
        if User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
            note(Action.USER_CHANGED, by=by, target=user.email, details={"is_active": [False, True]}, request=request)


def deactivate(user: User, *, by: User, request: HttpRequest | None = None) -> list[Project]:
    """Signed out everywhere, and cannot sign in again until activated. Returns the projects that are left without an
    owner who can sign in: it is not refused, since it may be urgent."""
    with transaction.atomic():
        if User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
            note(Action.USER_CHANGED, by=by, target=user.email, details={"is_active": [True, False]}, request=request)
            end_sessions(user, by=by, request=request)
    return left_without_owner(user)


def end_sessions(user: User, *, by: User, request: HttpRequest | None = None) -> int:
    """Every browser of the user is signed out. Returns how many were."""
    with transaction.atomic():
        found = list(UserSession.objects.filter(user=user))
        for session in found:
            session.end()
        if found:
            details = {"sessions": len(found)}
            note(Action.SESSION_ENDED, by=by, target=user.email, details=details, request=request)
    return len(found)


def remove_factors(user: User, *, by: User, request: HttpRequest | None = None) -> int:
    """For who has lost them: the password alone opens the account again, until they set up others. Sessions end too,
    since the lost device may hold one; and the user is told, who may not have asked. Returns how many there were."""
    with transaction.atomic():
        kinds = list(Authenticator.objects.filter(user=user).order_by("pk").values_list("type", flat=True))
        if kinds:
            Authenticator.objects.filter(user=user).delete()
            details = {"removed": kinds}
            note(Action.FACTOR_REMOVED, by=by, target=user.email, details=details, request=request)
            end_sessions(user, by=by, request=request)
            transaction.on_commit(lambda: tell(user.email, "removed the second factors of your account"))
    return len(kinds)


def follow_email(user: User, before: str = "") -> None:
    """After staff made a user, or changed the address from ``before``: what allauth keeps of addresses is in step.
    Staff vouch for the new one; the old one opens nothing any more, and is told."""
    with transaction.atomic():
        EmailAddress.objects.filter(user=user).delete()
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        if before:
            transaction.on_commit(lambda: tell(before, f"changed the address of your account to {user.email}"))


def tell(email: str, what: str) -> None:
    """By e-mail, that staff did something to an account. A mail server that is away is no reason to fail."""
    context = {"what": what}
    subject = render_to_string("accounts/email/by_staff_subject.txt", context).strip()
    try:
        EmailMessage(subject, render_to_string("accounts/email/by_staff.txt", context), to=[email]).send()
    except OSError as error:
        logger.warning("a user could not be told what staff did: %s", error)


def delete(user: User, now: datetime, *, by: User | None = None, request: HttpRequest | None = None) -> None:
    """The user is gone, and so are projects of theirs alone, after the grace period. Lines of the logs stay, without
    the name. ``by``: who does it, if it is not the user. Raises ValidationError where others would be left without an
    owner."""
    with transaction.atomic():
        list(Project.objects.select_for_update(of=("self",)).filter(memberships__user=user).order_by("pk"))
        list(Membership.objects.select_for_update().filter(project__memberships__user=user).order_by("pk"))
        stuck = left_without_owner(user)
        if stuck:
            names = ", ".join(project.name for project in stuck)
            who = "You are" if by is None else f"{user.email} is"
            raise ValidationError(f"{who} the only owner of {names}. Make another member the owner first.")
        for project in Project.objects.filter(memberships__user=user):
            if not project.memberships.exclude(user=user).exists():
                project.invitations.all().delete()
                projects.delete(project, now, by=by or user, request=request)
        Invitation.objects.filter(invited_by=user).delete()
        note(Action.USER_DELETED, by=by or "a deleted user", target=f"user {user.pk}", request=request)
        for session in UserSession.objects.filter(user=user):
            session.end()
        _forget_name(user, f"deleted user {user.pk}")
        user.delete()


def _forget_name(user: User, gone: str) -> None:
    """In the lines of both logs, the admin's too."""
    own = AuditEvent.objects.filter(actor=user)
    own.filter(action=Action.EMAIL_CHANGED).update(target=gone)
    for event in own.filter(action=Action.MEMBER_JOINED):
        event.details.pop("as", None)
        event.save(update_fields=["details"])
    own.update(actor_name=gone)
    AuditEvent.objects.filter(target=user.email).update(target=gone)
    # As a whole: ann@example.org is not a part of joann@example.org.
    name = re.compile(rf"(?<![\w.+-]){re.escape(user.email)}(?![\w.-])")
    named = Q(object_repr__contains=user.email) | Q(change_message__contains=user.email)
    for line in LogEntry.objects.filter(named).iterator():
        line.object_repr, line.change_message = name.sub(gone, line.object_repr), name.sub(gone, line.change_message)
        line.save(update_fields=["object_repr", "change_message"])
