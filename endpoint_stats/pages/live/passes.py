"""Passes: for a minute after somebody was let in by their session, what the page asks every two seconds is answered
without the database.

A pass is signed, names the project, and is good in the browser that it was given to alone: a digest of the session's
cookie is in it. Sessions are never handed on from one user to another (each sign-in has a key of its own), so that this
binds it to the user too. Who is taken out of a project, or signed out elsewhere, sees nothing that is newer than a
minute after.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac

HEADER = "Live-Pass"  # of the request that brings it, and of the answer that brings a new one
GOOD_FOR = timedelta(seconds=60)
_SALT = "endpoint_stats.pages.live"


@dataclass(frozen=True, slots=True)
class Pass:
    project_id: int
    slug: str
    user_id: int
    session: str  # digest of the session's cookie


def give(request: HttpRequest, project_id: int, slug: str) -> str:
    """For whoever was just checked: signed in, and a member of the project."""
    assert request.user.pk is not None
    made = [project_id, slug, request.user.pk, _digest(request.COOKIES[settings.SESSION_COOKIE_NAME])]
    return signing.dumps(made, salt=_SALT)


def check(request: HttpRequest, slug: str) -> Pass | None:
    """The pass that the request brings, if it is one of this project and this browser and less than a minute old.
    Asks no database."""
    cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    given = request.headers.get(HEADER, "")
    if not cookie or not given:
        return None
    try:
        found = Pass(*signing.loads(given, salt=_SALT, max_age=GOOD_FOR))
    except signing.BadSignature:
        return None
    return found if found.slug == slug and constant_time_compare(found.session, _digest(cookie)) else None


def _digest(cookie: str) -> str:
    return salted_hmac(_SALT, cookie, algorithm="sha256").hexdigest()
