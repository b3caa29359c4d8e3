"""How often something that could be guessed may be tried. Counted in a table: a cache may be away, or forget."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils.crypto import salted_hmac

from accounts.models import Attempts


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` attempts ``within`` a window that begins with the first."""

    most: int
    within: timedelta


# By address and account: who guesses one account's password. By account: many who guess together. By address: one who
# tries many accounts.
SIGN_IN_BY_BOTH = Limit(5, timedelta(minutes=5))
SIGN_IN_BY_ACCOUNT = Limit(30, timedelta(hours=1))
SIGN_IN_BY_ADDRESS = Limit(60, timedelta(hours=1))
CODE_BY_ACCOUNT = Limit(5, timedelta(minutes=5))


def count(limit: Limit, now: datetime, *what: object) -> bool:
    """Count one more attempt; whether it is still within the limit. Attempts at the same moment are all counted."""
    key = _key(what)
    with transaction.atomic():
        Attempts.objects.filter(key=key, ends__lte=now).delete()
        if not Attempts.objects.filter(key=key).update(count=F("count") + 1):
            Attempts.objects.bulk_create([Attempts(key=key, ends=now + limit.within)], ignore_conflicts=True)
            Attempts.objects.filter(key=key).update(count=F("count") + 1)
        counted = Attempts.objects.filter(key=key).values_list("count", flat=True).first()
    return (counted or 1) <= limit.most  # one that succeeded meanwhile may have had it forgotten


def reached(limit: Limit, now: datetime, *what: object) -> bool:
    """Whether no more attempts are left, without counting one."""
    return limit.most < 1 or Attempts.objects.filter(key=_key(what), ends__gt=now, count__gte=limit.most).exists()


def give_back(*what: object) -> None:
    """Take back one attempt that turned out to be none: who signs in rightly has guessed nothing."""
    Attempts.objects.filter(key=_key(what), count__gt=0).update(count=F("count") - 1)


def forget(*what: object) -> None:
    Attempts.objects.filter(key=_key(what)).delete()


def once(within: timedelta, now: datetime, *what: object) -> bool:
    """Whether this was not done before: of any number who ask at the same moment, one is told so."""
    return count(Limit(1, within), now, "once", *what)


def forget_old(now: datetime) -> int:
    """Delete windows that are over. Returns how many."""
    return Attempts.objects.filter(ends__lte=now).delete()[0]


def _key(what: tuple[object, ...]) -> str:
    """A digest with the installation's key, so that the table names nobody, nor confirms a guess at who it is."""
    said = "\0".join(map(str, what)).encode("utf-8", "surrogatepass")
    return salted_hmac("accounts.sign_in.limits", said, algorithm="sha256").hexdigest()
