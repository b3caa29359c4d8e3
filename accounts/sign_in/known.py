"""Browsers that an account was signed in with before. Tries of theirs are counted by themselves, so that who guesses
elsewhere, or from the same network, locks no owner out (OWASP's "device cookies"). Such a cookie signs nobody in."""

import secrets
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.models import User

REMEMBERED = timedelta(days=180)
_SALT = "accounts.sign_in.known"
_NEW = "_browser_becomes_known"


def name() -> str:
    """Of the cookie: bound to the host where the session's is."""
    return "__Host-known_browser" if settings.SESSION_COOKIE_NAME.startswith("__Host-") else "known_browser"


def browser_of(request: HttpRequest | None, email: str) -> str:
    """What tells the browser from others of that account; nothing where it has never signed in to it."""
    pk, browser = _read(request)
    if pk is None or User.objects.filter(pk=pk).values_list("email", flat=True).first() != email:
        return ""
    return browser


def note(request: HttpRequest, user: User) -> None:
    """From the answer to this request on, the browser is known as one of ``user``'s."""
    setattr(request, _NEW, user)


def remember(request: HttpRequest, response: HttpResponseBase) -> None:
    user = getattr(request, _NEW, None)
    if user is None:
        return
    browser = browser_of(request, user.email) or secrets.token_urlsafe(16)
    response.set_cookie(
        name(),
        signing.dumps([user.pk, browser], salt=_SALT),
        max_age=REMEMBERED,
        secure=bool(settings.SESSION_COOKIE_SECURE),
        httponly=True,
        samesite="Lax",
    )


def _read(request: HttpRequest | None) -> tuple[int | None, str]:
    try:
        given = request.COOKIES[name()] if request is not None else ""
        pk, browser = signing.loads(given, salt=_SALT, max_age=REMEMBERED)
    except (KeyError, signing.BadSignature):
        return None, ""
    return int(pk), str(browser)
