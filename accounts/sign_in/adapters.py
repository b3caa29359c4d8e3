"""What django-allauth asks of us."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.utils import timezone

from accounts.audit import Action, note
from accounts.clients import address_of, counted
from accounts.models import User
from accounts.sealing import seal, unseal

from . import again, invited, known, limits

PURPOSE = "second factor"


class AccountAdapter(DefaultAccountAdapter):
    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": (
            "Too many failed login attempts. Try again in five minutes; after very many, in an hour."
        ),
        "first_password_over": (
            "The password that you were given was good for some days, which are over. Set one of your own by the link"
            " for a forgotten password, or ask who gave it to you."
        ),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.SIGN_UP == "open" or (
            settings.SIGN_UP == "invitation" and invited.invitation_of(request) is not None
        )

    def get_client_ip(self, request: HttpRequest) -> str:
        return address_of(request)

    def clean_email(self, email: str) -> str:
        return super().clean_email(email).lower()

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        user = super().authenticate(request, **credentials)
        if user is not None:
            for _, what in self._limits(request, credentials):
                limits.give_back(*what)
            assert isinstance(user, User)
            if user.first_password_ends and user.first_password_ends <= timezone.now():
                raise self.validation_error("first_password_over")
        return user

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Never "yes": the package would then be content with less than is asked here. Raises
        ReauthenticationRequired."""
        if not again.is_fresh(context.request, context.request.user):
            raise ReauthenticationRequired
        return False

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        return again.methods(user, super().get_reauthentication_methods(user)) if user.is_authenticated else []

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Raises ValidationError where too much was guessed. Counted before the password is looked at, so that guesses
        at the same moment are all counted."""
        now = timezone.now()
        held = [
            (limit, what) for limit, what in self._limits(request, credentials) if not limits.count(limit, now, *what)
        ]
        if held:
            # A line a window, not one a try: who guesses fills no log.
            if any([limits.once(limit.within, now, "held back", *what) for limit, what in held]):
                note(Action.SIGN_IN_LIMITED, target=_email(credentials), request=request)
            raise self.validation_error("too_many_login_attempts")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        email = _email(credentials)
        user = User.objects.filter(email=email).first()
        target = "" if user else email
        if request.user.is_authenticated:
            target = "again, when asked who it is"
        note(Action.SIGN_IN_FAILED, by=user, target=target, request=request)

    @staticmethod
    def _limits(request: HttpRequest, credentials: dict[str, Any]) -> list[tuple[limits.Limit, tuple[str, ...]]]:
        client, account = counted(address_of(request)), _email(credentials)
        if browser := known.browser_of(request, account):
            return [(limits.SIGN_IN_BY_BOTH, ("sign in", "known browser", browser))]
        return [
            (limits.SIGN_IN_BY_BOTH, ("sign in", client, account)),
            (limits.SIGN_IN_BY_ACCOUNT, ("sign in", "", account)),
            (limits.SIGN_IN_BY_ADDRESS, ("sign in", client, "")),
        ]


def _email(credentials: dict[str, Any]) -> str:
    return str(credentials.get("email") or credentials.get("username") or "").strip().lower()


class FactorAdapter(DefaultMFAAdapter):
    """Secrets of second factors are encrypted: a copy of the database alone is no second factor."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "Incorrect code. Each is good once: wait until your app shows the next one.",
    }

    def encrypt(self, text: str) -> str:
        return seal(text, PURPOSE)

    def decrypt(self, encrypted_text: str) -> str:
        """Raises InvalidToken where SECRET_KEY was changed without SECRET_KEY_FALLBACKS."""
        return unseal(encrypted_text, PURPOSE)


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Sign-in by a provider. It asks the account's adapter whether somebody new may come."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        # Whom the organisation's own provider knows is one of its people, unless nobody new may come.
        return settings.SIGN_UP != "closed"

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """What a provider says of addresses proves none, unless it is trusted to have checked them."""
        if not settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION:
            for address in sociallogin.email_addresses:
                address.verified = False
