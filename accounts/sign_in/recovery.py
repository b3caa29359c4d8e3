"""Recovery codes of second factors, kept as password hashes.

The package makes them of a seed that it keeps; here they are drawn by chance. Until somebody has seen them, which they
do once and within an hour, they are encrypted, under the name under which the package looks for codes that were made
elsewhere; from then on the row holds a salted hash of each that is left. Hashing takes a second, and so is done where
no transaction is open: on SQLite that would hold up every other writer.
"""

import secrets
from datetime import datetime, timedelta

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare

UNSEEN_FOR = timedelta(hours=1)
_UNSEEN, _HASHES = "migrated_codes", "hashes"


def draw(authenticator: Authenticator) -> None:
    """New codes in place of the package's seed; the row is not saved."""
    digits = app_settings.RECOVERY_CODE_DIGITS
    codes = [f"{secrets.randbelow(10**digits):0{digits}}" for _ in range(app_settings.RECOVERY_CODE_COUNT)]
    authenticator.data = _data([], [encrypt(code) for code in codes])


def unused(authenticator: Authenticator) -> int:
    """How many are left."""
    return len(authenticator.data.get(_HASHES, [])) + len(_unseen(authenticator))


def show_once(authenticator: Authenticator) -> list[str]:
    """The codes, of which no readable copy is kept from now on; [] if they were shown before, or not for an hour."""
    unseen = _unseen(authenticator)
    if not unseen:
        return []
    codes = [decrypt(code) for code in unseen]
    hashes = [make_password(code) for code in codes]
    with transaction.atomic():
        found = _locked(authenticator)
        if found is None or _unseen(found) != unseen:
            return []  # another page was quicker
        _save(found, _data(hashes, []))
    return codes


def use(authenticator: Authenticator, code: str) -> bool:
    """Whether ``code`` is one of those left, which it then is no longer."""
    digits = "".join(filter(str.isdecimal, code))
    if len(digits) != app_settings.RECOVERY_CODE_DIGITS:
        return False  # a code of an app: hashing costs time
    kept = authenticator.data.get(_HASHES, [])
    fits = next((hashed for hashed in kept if check_password(digits, hashed)), None) or next(
        (copy for copy in _unseen(authenticator) if constant_time_compare(decrypt(copy), digits)), None
    )
    if fits is None:
        return False
    with transaction.atomic():
        found = _locked(authenticator)
        if found is None:
            return False
        hashes, unseen = found.data.get(_HASHES, []), _unseen(found)
        if fits not in (*hashes, *unseen):
            return False  # of two who use one at the same moment one is let in
        _save(found, _data([one for one in hashes if one != fits], [one for one in unseen if one != fits]))
    return True


def forget_unseen(now: datetime) -> int:
    """Codes that nobody looked at in time are gone: others can be made. Returns of how many sets."""
    forgotten = 0
    for authenticator in _sets().filter(created_at__lte=now - UNSEEN_FOR).iterator():
        if authenticator.data.get(_UNSEEN):
            with transaction.atomic():
                found = _locked(authenticator)
                if found is not None:
                    _save(found, _data(found.data.get(_HASHES, []), []))
            forgotten += 1
    return forgotten


def _data(hashes: list[str], unseen: list[str]) -> dict[str, list[str]]:
    return {_HASHES: hashes, _UNSEEN: unseen}


def _unseen(authenticator: Authenticator) -> list[str]:
    """Encrypted; nothing once their time is over, whether or not a worker has cleared them away."""
    if authenticator.created_at <= timezone.now() - UNSEEN_FOR:
        return []
    return list(authenticator.data.get(_UNSEEN, []))


def _sets() -> QuerySet[Authenticator]:
    return Authenticator.objects.filter(type=Authenticator.Type.RECOVERY_CODES)


def _locked(authenticator: Authenticator) -> Authenticator | None:
    return _sets().select_for_update().filter(pk=authenticator.pk).first()


def _save(authenticator: Authenticator, data: dict[str, list[str]]) -> None:
    authenticator.data = data
    authenticator.save(update_fields=["data"])
