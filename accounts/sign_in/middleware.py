"""Sessions that end, second factors that are asked for, and limits on what could be tried too often."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts.clients import address_of, counted

from . import known, limits

STARTED, SEEN = "signed_in", "seen"
SEEN_EVERY = timedelta(minutes=5)
# Where somebody may go who still has the password that another gave them: to set one of their own, and away.
WITH_FIRST_PASSWORD = ("account_change_password", "account_reset_password", "account_logout")
# Where somebody who still lacks a second factor may go: to get one, and away.
WITHOUT_FACTOR = (
    "mfa_", "account_logout", "account_reauthenticate", "account_email", "account_confirm_email", "openid_connect_",
)  # fmt: skip

Answer = Callable[[HttpRequest], HttpResponseBase]


class SessionMiddleware:
    """Ends a session that was idle or open for too long; asks for a second factor where one must be."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            now = timezone.now()
            if _is_over(request, now):
                logout(request)
                messages.info(request, "You were signed out, since you were signed in for long. Sign in again.")
            else:
                _see(request, now)
        response = self.answer(request)
        known.remember(request, response)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or not request.user.is_authenticated:
            return None
        if request.user.first_password_ends and request.user.first_password_ends <= timezone.now():
            logout(request)
            messages.error(request, "The password that you were given is over. Set your own by the link below.")
            return redirect("account_login")
        if request.user.first_password_ends:
            said = "Your password was given to you by somebody else. Set one of your own to go on."
            return _first(request, WITH_FIRST_PASSWORD, said, "account_change_password")
        if lacks_factor(request):
            said = "This installation asks for a second factor. Add one to go on."
            return _first(request, WITHOUT_FACTOR, said, "mfa_index")
        return None


def _first(request: HttpRequest, allowed: tuple[str, ...], said: str, page: str) -> HttpResponse | None:
    """What must be done before anything that is not ``allowed``, by the names of the routes."""
    assert request.resolver_match is not None
    if (request.resolver_match.url_name or "").startswith(allowed):
        return None
    if request.path.startswith("/api/"):
        request.user = AnonymousUser()  # a program cannot be sent to a page
        return None
    messages.info(request, said)
    return redirect(page)


def _is_over(request: HttpRequest, now: datetime) -> bool:
    started = _moment(request.session.setdefault(STARTED, now.isoformat()))
    seen = _moment(request.session.get(SEEN, request.session[STARTED]))
    return now - started > settings.SESSION_LIFETIME or now - seen > settings.SESSION_IDLE


def _see(request: HttpRequest, now: datetime) -> None:
    """Written every few minutes, not at each request."""
    if SEEN not in request.session or now - _moment(request.session[SEEN]) > SEEN_EVERY:
        request.session[SEEN] = now.isoformat()
        UserSession.objects.filter(session_key=request.session.session_key).update(last_seen_at=now)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def lacks_factor(request: HttpRequest) -> bool:
    """Whether who is signed in must have a second factor, and has none."""
    must = {"everybody": True, "staff": getattr(request.user, "is_staff", False)}.get(
        settings.REQUIRE_SECOND_FACTOR, False
    )
    return must and not is_mfa_enabled(request.user)


_HOUR = timedelta(hours=1)
# By the name of the route: limits on its POSTs by client, by who is signed in, and by the e-mail address in the form.
LIMITS: dict[str, dict[str, limits.Limit]] = {
    "account_signup": {"client": limits.Limit(20, _HOUR)},
    "account_reset_password": {"client": limits.Limit(20, _HOUR), "email": limits.Limit(5, _HOUR)},
    "account_reset_password_from_key": {"client": limits.Limit(20, _HOUR)},
    "account_confirm_email": {"client": limits.Limit(60, _HOUR)},
    "account_email": {"user": limits.Limit(10, _HOUR)},
    "account_change_password": {"user": limits.Limit(10, _HOUR)},
    "account_set_password": {"user": limits.Limit(10, _HOUR)},
    "account_reauthenticate": {"user": limits.Limit(30, _HOUR)},
    "mfa_login_webauthn": {"client": limits.Limit(60, _HOUR)},
    "mfa_activate_totp": {"user": limits.Limit(20, _HOUR)},
    "mfa_generate_recovery_codes": {"user": limits.Limit(10, _HOUR)},
    "openid_connect_login": {"client": limits.Limit(60, _HOUR)},
    "invitation": {"client": limits.Limit(60, _HOUR)},
    "invite": {"user": limits.Limit(60, _HOUR)},
    "export-data": {"user": limits.Limit(10, _HOUR)},
    "delete-account": {"user": limits.Limit(10, _HOUR)},
}


class LimitMiddleware:
    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.answer(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        name = request.resolver_match.url_name if request.resolver_match else None
        if request.method != "POST" or name not in LIMITS:
            return None
        now = timezone.now()
        for by, limit in LIMITS[name].items():
            who = _who(request, by)
            if who and not limits.count(limit, now, name, by, who):
                response = render(request, "429.html", status=429)
                response["Retry-After"] = str(int(limit.within.total_seconds()))
                return response
        return None


def _who(request: HttpRequest, by: str) -> str:
    if by == "client":
        return counted(address_of(request))
    if by == "user":
        return str(request.user.pk or "")
    email = request.POST.get("email", "").strip().lower()
    # Who asks for somebody's address from elsewhere does not use up what their own browser may.
    return "" if known.browser_of(request, email) else email
