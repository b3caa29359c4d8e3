"""What the pages of signing in ask of the settings."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django import template
from django.conf import settings

from accounts.models import User
from accounts.sign_in import recovery

register = template.Library()


@register.simple_tag(takes_context=True)
def may_sign_up(context: dict[str, Any]) -> bool:
    return get_adapter().is_open_for_signup(context["request"])


# The first that is found: browsers name those that they want to be taken for, too.
_BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = {
    "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS X": "macOS",
    "CrOS": "ChromeOS", "Linux": "Linux",
}  # fmt: skip


@register.filter
def device(user_agent: str) -> str:
    """``Firefox on Linux``; what a program calls itself, as it does."""
    browser, system = (
        next((name for part, name in known.items() if part in user_agent), "") for known in (_BROWSERS, _SYSTEMS)
    )
    if browser and system:
        return f"{browser} on {system}"
    return browser or user_agent.partition("/")[0][:40] or "unknown browser"


@register.simple_tag
def sends_mail() -> bool:
    return bool(settings.EMAIL_HOST_NAME)


@register.filter
def has_passkey(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).exists()


@register.filter
def codes_left(codes: RecoveryCodes) -> int:
    return recovery.unused(codes.instance)


@register.simple_tag
def oidc_name() -> str:
    """What the button of the provider says; "" where there is none."""
    apps = settings.SOCIALACCOUNT_PROVIDERS.get("openid_connect", {}).get("APPS", [])
    return apps[0]["name"] if apps else ""
