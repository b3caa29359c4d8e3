"""An account's own pages: profile, sessions, cache, data."""

import json

from allauth.account.decorators import reauthentication_required
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import user_cache
from accounts.audit import Action, note
from accounts.models import AuditEvent
from accounts.services import users

from .base import said, user_of

RECENT = 20


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    hits, misses = user_cache.use(user, timezone.now())
    context = {
        "factors": list(Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES)),
        "events": AuditEvent.objects.filter(actor=user)[:RECENT],
        "memberships": user.memberships.select_related("project").order_by("project__name"),
        "cache": {"hits": hits, "asked": hits + misses, "share": hits / (hits + misses) if hits + misses else None},
    }
    return render(request, "accounts/account.html", context)


@login_required
@require_POST
def profile(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    user.name = request.POST.get("name", "").strip()
    try:
        user.full_clean()
        user.save(update_fields=["name"])
        messages.success(request, "Saved.")
    except ValidationError as error:
        messages.error(request, said(error))
    return redirect("account")


@login_required
@require_POST
def clear_cache(request: HttpRequest) -> HttpResponse:
    user_cache.clear(user_of(request))
    messages.success(request, "Your cache is empty: every number is computed anew.")
    return redirect("account")


@login_required
@never_cache
@require_safe
def sessions(request: HttpRequest) -> HttpResponse:
    listed = sorted(
        UserSession.objects.purge_and_list(user_of(request)), key=lambda one: one.last_seen_at, reverse=True
    )
    return render(request, "accounts/sessions.html", {"sessions": listed})


@login_required
@require_POST
@reauthentication_required
def end_session(request: HttpRequest, id: int) -> HttpResponse:
    session = UserSession.objects.filter(user=user_of(request), pk=id).first()
    if session is None:
        raise Http404
    own = session.is_current()
    session.end()
    note(Action.SESSION_ENDED, by=user_of(request), target=session.user_agent, request=request)
    if own:
        logout(request)
        return redirect("account_login")
    messages.success(request, "The session has ended: that browser is signed out.")
    return redirect("sessions")


@login_required
@require_POST
@reauthentication_required
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """After a password or a factor was changed, or a device was lost: this browser alone stays signed in."""
    others = UserSession.objects.filter(user=user_of(request)).exclude(session_key=request.session.session_key)
    ended = list(others)
    for session in ended:
        session.end()
    if ended:
        note(Action.SESSION_ENDED, by=user_of(request), details={"sessions": len(ended)}, request=request)
    messages.success(request, "You are signed in on this device alone.")
    return redirect("sessions")


@login_required
@require_safe
def data(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/data.html", {"stuck": users.left_without_owner(user_of(request))})


@login_required
@require_POST
@reauthentication_required
def export(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    note(Action.DATA_EXPORTED, by=user, request=request)
    text = json.dumps(users.export(user), cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)
    response = HttpResponse(text, content_type="application/json")
    response["Content-Disposition"] = 'attachment; filename="endpoint-stats-account.json"'
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
@reauthentication_required
def delete(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    if request.POST.get("email", "").strip().lower() != user.email:
        messages.error(request, f"Nothing was deleted. Write {user.email} to delete the account.")
        return redirect("account-data")
    try:
        users.delete(user, timezone.now(), request=request)
    except ValidationError as error:
        messages.error(request, said(error))
        return redirect("account-data")
    logout(request)
    messages.success(request, "Your account is deleted.")
    return redirect("account_login")
