"""What happens around signing in, noted in the audit log; connected by ``AppConfig.ready()``."""

from typing import Any

from allauth.account import signals as account
from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.mfa import signals as factors
from allauth.mfa.models import Authenticator
from allauth.usersessions import signals as sessions
from allauth.usersessions.models import UserSession
from django.contrib.auth import signals as auth
from django.db.models.signals import pre_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts import user_cache
from accounts.audit import Action, note
from accounts.models import User
from accounts.services import projects

from . import invited, known, recovery
from .middleware import SEEN, STARTED


@receiver(auth.user_logged_in)
def signed_in(request: HttpRequest, user: User, **kwargs: Any) -> None:
    now = timezone.now().isoformat()
    request.session[STARTED] = request.session[SEEN] = now
    records = get_authentication_records(request, user) if hasattr(request, "session") else []
    by_code = any(one.get("type") == Authenticator.Type.RECOVERY_CODES for one in records)
    note(Action.SIGNED_IN, by=user, target="by a recovery code" if by_code else "", request=request)
    known.note(request, user)


# The package looks at each open session of who signs in, one after another; those that are over are cleared away by
# services/tidy.py, and when somebody looks at their list.
account.user_logged_in.disconnect(sessions.on_user_logged_in)


@receiver(account.user_logged_in)
def session_is_listed(request: HttpRequest, **kwargs: Any) -> None:
    UserSession.objects.create_from_request(request)


@receiver(account.authentication_step_completed)
def authenticated_again(request: HttpRequest, user: User, reauthenticated: bool = False, **kwargs: Any) -> None:
    """A session that may do more from now on has another key: whoever had the old one has nothing."""
    if reauthenticated:
        before = request.session.session_key
        request.session.cycle_key()
        UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)


@receiver(auth.user_logged_out)
def signed_out(request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    if user is not None and user.pk:  # not of an account that was just deleted
        user_cache.clear(user)
        note(Action.SIGNED_OUT, by=user, request=request)


@receiver(account.user_signed_up)
def signed_up(request: HttpRequest, user: User, **kwargs: Any) -> None:
    note(Action.SIGNED_UP, by=user, request=request)
    invitation = invited.invitation_of(request)
    if invitation is None or invitation.project_id is None:
        projects.create_first(user)


def _noting(action: Action) -> Any:
    def noted(request: HttpRequest, user: User, **kwargs: Any) -> None:
        note(action, by=user, request=request)

    return noted


for _signal, _action in (
    (account.password_changed, Action.PASSWORD_CHANGED),
    (account.password_set, Action.PASSWORD_CHANGED),
    (account.password_reset, Action.PASSWORD_RESET),
):
    _signal.connect(_noting(_action), weak=False, dispatch_uid=f"accounts.{_action}.{id(_signal)}")


@receiver((account.password_changed, account.password_set, account.password_reset))
def own_password(request: HttpRequest, user: User, **kwargs: Any) -> None:
    user.first_password_ends = None
    user.save(update_fields=["first_password_ends"])


@receiver(pre_save, sender=Authenticator)
def recovery_codes_are_drawn(instance: Authenticator, **kwargs: Any) -> None:
    if instance.type == Authenticator.Type.RECOVERY_CODES and "seed" in instance.data:
        recovery.draw(instance)


@receiver(account.email_changed)
def email_changed(request: HttpRequest, user: User, to_email_address: Any, **kwargs: Any) -> None:
    note(Action.EMAIL_CHANGED, by=user, target=to_email_address.email, request=request)


@receiver(factors.authenticator_added)
def factor_added(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    action = Action.CODES_MADE if authenticator.type == Authenticator.Type.RECOVERY_CODES else Action.FACTOR_ADDED
    if action == Action.FACTOR_ADDED:
        # It has just been used, after whatever else is asked: the codes that come with it are shown at once.
        record_authentication(request, user, "mfa", reauthenticated=True, id=authenticator.pk, type=authenticator.type)
    note(action, by=user, target=authenticator, request=request)


@receiver(factors.authenticator_reset)
def codes_made(request: HttpRequest, user: User, **kwargs: Any) -> None:
    note(Action.CODES_MADE, by=user, request=request)


@receiver(factors.authenticator_removed)
def factor_removed(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    note(Action.FACTOR_REMOVED, by=user, target=authenticator, request=request)


@receiver(factors.authentication_failed)
def code_failed(request: HttpRequest, user: User, **kwargs: Any) -> None:
    note(Action.SIGN_IN_FAILED, by=user, target="by the second factor", request=request)
