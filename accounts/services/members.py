"""Members of a project and invitations to it. A project that has members has an owner among them."""

import hashlib
import logging
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.audit import Action, note
from accounts.models import Invitation, Membership, Project, Role, User

logger = logging.getLogger(__name__)
LONGEST_EMAIL = 254


class LastOwner(ValidationError):
    def __init__(self) -> None:
        super().__init__("A project needs an owner. Make another member the owner first.", code="last_owner")


def checked_email(email: str) -> str:
    """As it is kept. Raises ValidationError."""
    email = email.strip().lower()
    validate_email(email)
    if len(email) > LONGEST_EMAIL:
        raise ValidationError(f"An e-mail address has at most {LONGEST_EMAIL} characters.")
    return email


def invite(
    email: str, project: Project | None, role: str, *, by: User | None, request: HttpRequest | None = None
) -> tuple[Invitation, str]:
    """The invitation and its token, which is part of the link and kept nowhere. Another one to the same address takes
    the place of the first. Raises ValidationError."""
    email = checked_email(email)
    if role not in Role.values:
        raise ValidationError(f"There is no role {role!r}. There are: {', '.join(Role.values)}.")
    if project is not None and project.memberships.filter(user__email=email).exists():
        raise ValidationError(f"{email} is a member already.", code="member")
    token = secrets.token_urlsafe(32)
    values = {
        "role": role,
        "token_digest": _digest(token),
        "invited_by": by,
        "created": timezone.now(),
        "expires": timezone.now() + timedelta(days=settings.INVITATION_DAYS),
        "mailed": False,
    }
    with transaction.atomic():
        made, _ = Invitation.objects.update_or_create(project=project, email=email, defaults=values)
        note(Action.INVITED, by=by, project=project, target=email, details={"role": role}, request=request)
    return made, token


def send(invitation: Invitation, link: str) -> bool:
    """The invitation by e-mail. True: a mail server has taken it, and the link must be shown to nobody. False: it went
    nowhere but into a file, or no server took it, so that it is to be handed over."""
    context = {"invitation": invitation, "link": link}
    subject = " ".join(render_to_string("accounts/email/invitation_subject.txt", context).split())
    message = EmailMultiAlternatives(
        subject, render_to_string("accounts/email/invitation.txt", context), to=[invitation.email]
    )
    message.attach_alternative(render_to_string("accounts/email/invitation.html", context), "text/html")
    try:
        message.send()
    except OSError as error:  # SMTPException is one
        logger.warning("an invitation could not be sent: %s", error)
        return False
    if settings.EMAIL_HOST_NAME:
        Invitation.objects.filter(pk=invitation.pk, token_digest=invitation.token_digest).update(mailed=True)
    return bool(settings.EMAIL_HOST_NAME)


def by_token(token: str, now: datetime) -> Invitation | None:
    """The invitation that may still be accepted."""
    found = Invitation.objects.select_related("project", "invited_by")
    return found.filter(token_digest=_digest(token), expires__gt=now).first()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def accept(invitation: Invitation, user: User, *, request: HttpRequest | None = None) -> None:
    """``user`` becomes a member; who is one already keeps the role. Accepting twice is accepting once. Raises
    ValidationError for a project that is being deleted, or that nobody owns any more."""
    with transaction.atomic():
        # First of all, so that it waits for an owner who is leaving, as they wait for each other.
        project = invitation.project
        if project is not None and not _taken_in(project.pk):
            raise ValidationError(f"{project.name} is being deleted. Ask who invited you.", code="deleted")
        if not Invitation.objects.filter(pk=invitation.pk, token_digest=invitation.token_digest).delete()[0]:
            return
        if project is None:
            return
        _, new = Membership.objects.get_or_create(project=project, user=user, defaults={"role": invitation.role})
        if new:
            note(
                Action.MEMBER_JOINED, by=user, project=project, details={"role": invitation.role, "as": user.email},
                request=request,
            )  # fmt: skip


def withdraw(invitation: Invitation, *, by: User, request: HttpRequest | None = None) -> None:
    with transaction.atomic():
        if Invitation.objects.filter(pk=invitation.pk).delete()[0]:
            note(
                Action.INVITATION_WITHDRAWN, by=by, project=invitation.project, target=invitation.email,
                request=request,
            )  # fmt: skip


def add(project: Project, user: User, role: str, *, by: User, request: HttpRequest | None = None) -> Membership:
    """A member without an invitation: staff do this. Raises LastOwner where the first member is no owner, and
    ValidationError for who is one already."""
    with transaction.atomic():
        if role != Role.OWNER and not _owners(project.pk).exists():
            raise LastOwner
        member, new = Membership.objects.get_or_create(project=project, user=user, defaults={"role": role})
        if not new:
            raise ValidationError(f"{user.email} is a member already.", code="member")
        details = {"role": ["none", role]}
        note(Action.MEMBER_CHANGED, by=by, project=project, target=user.email, details=details, request=request)
    return member


def set_role(member: Membership, role: str, *, by: User, request: HttpRequest | None = None) -> None:
    """Raises LastOwner, and ValidationError for what is no role."""
    if role not in Role.values:
        raise ValidationError(f"There is no role {role!r}. There are: {', '.join(Role.values)}.")
    with transaction.atomic():
        before = _locked(member)
        if before is None or before.role == role:
            return
        if role != Role.OWNER:
            _check_other_owner(before)
            _withdraw_all(member.project_id, member.user_id)
        Membership.objects.filter(pk=member.pk).update(role=role)
        details = {"role": [before.role, role]}
        note(
            Action.MEMBER_CHANGED, by=by, project=member.project, target=member.user.email, details=details,
            request=request,
        )  # fmt: skip


def remove(member: Membership, *, by: User, request: HttpRequest | None = None) -> None:
    """Take a member out; one's own membership: leave. Raises LastOwner."""
    with transaction.atomic():
        before = _locked(member)
        if before is None:
            return
        _check_other_owner(before)
        _withdraw_all(member.project_id, member.user_id)
        before.delete()
        action = Action.MEMBER_LEFT if member.user_id == by.pk else Action.MEMBER_REMOVED
        note(action, by=by, project=member.project, target=member.user.email, request=request)


def transfer(project: Project, to: Membership, *, by: User, request: HttpRequest | None = None) -> None:
    """``to`` becomes the owner in the place of ``by``, who stays as an editor."""
    with transaction.atomic():
        set_role(to, Role.OWNER, by=by, request=request)
        own = Membership.objects.filter(project=project, user=by).first()
        if own is not None and own.pk != to.pk:
            set_role(own, Role.EDITOR, by=by, request=request)


def _taken_in(project_id: int) -> bool:
    """Whether somebody may still join. The project is locked until the transaction ends."""
    project = Project.objects.select_for_update().filter(pk=project_id, delete_after=None).first()
    return project is not None and _owners(project_id).exists()


def _withdraw_all(project_id: int, by: User | int) -> None:
    """Invitations of who may invite no longer: what they could do is gone at once."""
    Invitation.objects.filter(project_id=project_id, invited_by=by).delete()


def _locked(member: Membership) -> Membership | None:
    """The membership as it stands now. All of the project's are locked, so that of two owners who leave at the same
    moment one stays."""
    list(Project.objects.select_for_update().filter(pk=member.project_id))
    rows = list(Membership.objects.select_for_update().filter(project_id=member.project_id).order_by("pk"))
    return next((row for row in rows if row.pk == member.pk), None)


def _owners(project_id: int) -> QuerySet[Membership]:
    """Those who can act as owners: who cannot sign in cannot."""
    return Membership.objects.filter(project_id=project_id, role=Role.OWNER, user__is_active=True)


def _check_other_owner(member: Membership) -> None:
    if member.role == Role.OWNER and not _owners(member.project_id).exclude(pk=member.pk).exists():
        raise LastOwner
