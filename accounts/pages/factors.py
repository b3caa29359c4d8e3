"""Pages of second factors where django-allauth's do less than is asked here."""

from typing import Any

from allauth.account import views as account
from allauth.account.adapter import get_adapter
from allauth.account.decorators import reauthentication_required
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from accounts.sign_in import again, recovery

from .base import user_of


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def reauthenticate(request: HttpRequest) -> HttpResponseBase:
    """By the password alone for who signs in by it alone; otherwise on the page that asks for all. Who has neither
    password nor factor comes from a provider, and signs in there again."""
    user = user_of(request)
    if not again.asks_for_all(user):
        if user.has_usable_password():
            return account.reauthenticate(request)
        return render(request, "accounts/again.html", {"provider": again.comes_from_provider(user)})
    methods = get_adapter().get_reauthentication_methods(request.user)
    query = request.META.get("QUERY_STRING", "")
    return redirect(f"{methods[0]['url']}?{query}" if query else methods[0]["url"])


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required
def set_password(request: HttpRequest) -> HttpResponseBase:
    """By who has none: it stays with whoever sets it."""
    return account.password_set(request)


@reauthentication_required(app="allauth.mfa")
@never_cache
@require_GET
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Shows them the first time; how many are left any time."""
    authenticator = _codes(request)
    if authenticator is None:
        raise Http404
    codes = recovery.show_once(authenticator)
    context = {
        "unused_codes": codes or [""] * recovery.unused(authenticator),
        "can_view_codes": bool(codes),
        "can_generate_codes": not codes,
        "total_count": app_settings.RECOVERY_CODE_COUNT,
        "MFA_RECOVERY_CODES_SHOW_ONCE": True,
    }
    return render(request, "mfa/recovery_codes/index.html", context)


@login_required
@require_safe
def no_download(request: HttpRequest) -> HttpResponse:
    """The package offers a file where codes can be looked at again."""
    return redirect("mfa_view_recovery_codes")


class NewRecoveryCodes(GenerateRecoveryCodesView):
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The package counts what it could show, which is nothing."""
        authenticator = _codes(self.request)
        left = recovery.unused(authenticator) if authenticator else 0
        return super().get_context_data(**kwargs) | {"unused_code_count": left}


def _codes(request: HttpRequest) -> Authenticator | None:
    return Authenticator.objects.filter(user=user_of(request), type=Authenticator.Type.RECOVERY_CODES).first()
