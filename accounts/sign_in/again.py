"""Who wants to do something that matters shows again that it is they: by all that signing in takes. A password alone
may be all that a stranger at an open browser knows, and an open session is not even that."""

import time
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import User

FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
BY_PASSWORD, BY_CODE = "reauthenticate", "mfa_reauthenticate"


def asks_for_all(user: User) -> bool:
    """Whether the password alone is too little."""
    return is_mfa_enabled(user, FACTORS)


def is_fresh(request: HttpRequest, user: User) -> bool:
    """Whether it was shown within the last minutes, by as much as is asked of this user now: what was enough before a
    second factor was added elsewhere is not enough after it."""
    records = get_authentication_records(request, user)
    if asks_for_all(user):
        enough = [one["at"] for one in records if one["method"] == "mfa" and one.get("reauthenticated")]
    elif user.has_usable_password():
        enough = [one["at"] for one in records if one.get("reauthenticated")]
    else:
        # Signing in there is all that they can do; the provider is asked for it anew.
        enough = [one["at"] for one in records if one["method"] == "socialaccount"]
    return any(time.time() - at < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT for at in enough)


def methods(user: User, offered: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the ways that the package offers those that are enough: password and code in one form, or a passkey, which is
    two factors by itself. Who has no app finds the passkey first; who has neither password nor factor, the provider."""
    if not asks_for_all(user):
        own = {"id": "provider", "description": "Sign in there again", "url": reverse("account_reauthenticate")}
        return offered or [own]
    left = [method for method in offered if method["id"] != BY_PASSWORD]
    if not is_mfa_enabled(user, [Authenticator.Type.TOTP]):
        left.sort(key=lambda method: method["id"] == BY_CODE)
    return left


def comes_from_provider(user: User) -> bool:
    return bool(settings.OIDC_ISSUER) and SocialAccount.objects.filter(user=user).exists()
