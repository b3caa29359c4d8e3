"""What nobody needs any more."""

from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session

from accounts import audit
from accounts.models import Invitation
from accounts.sign_in import limits, recovery

AT_ONCE = 500


def forget_old(now: datetime) -> int:
    """Windows of attempts that are over, audit lines past their time, copies of recovery codes, expired invitations and
    sessions. Returns the number of rows."""
    forgotten = limits.forget_old(now) + audit.forget_old(now) + recovery.forget_unseen(now)
    forgotten += Invitation.objects.filter(expires__lte=now).delete()[0]
    forgotten += Session.objects.filter(expire_date__lte=now).delete()[0]
    return forgotten + _forget_ended()


def _forget_ended() -> int:
    """Lines of the lists of sessions whose session is gone. The two may be in two databases."""
    listed = list(UserSession.objects.values_list("session_key", flat=True))
    forgotten = 0
    for start in range(0, len(listed), AT_ONCE):
        some = listed[start : start + AT_ONCE]
        alive = set(Session.objects.filter(session_key__in=some).values_list("session_key", flat=True))
        forgotten += UserSession.objects.filter(session_key__in=set(some) - alive).delete()[0]
    return forgotten
