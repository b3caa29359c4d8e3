"""Forms of signing up and in.

Second factors by code: what is guessed counts against a limit, and what was right is right once.
"""

from datetime import timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import PasswordField
from allauth.account.forms import SignupForm as PackagesForm
from allauth.core import context
from allauth.mfa.adapter import get_adapter as factors
from allauth.mfa.base import forms
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import validate_totp_code
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm, LoginWebAuthnForm, ReauthenticateWebAuthnForm
from django.utils import timezone

from accounts.models import User

from . import invited, known, limits, recovery

# A code is good in its own half minute; after twice that it may be another's.
CODE_LASTS = timedelta(minutes=1)


class SignupForm(PackagesForm):
    """Who follows an invitation signs up with the address that it was sent to: the link proves that one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        invitation = invited.invitation_of(context.request) if context.request else None
        self.invited = invitation.email if invitation else ""
        if self.invited:
            self.fields["email"].initial = self.invited
            self.fields["email"].widget.attrs["readonly"] = True

    def clean_email(self) -> str:
        if self.invited:
            self.cleaned_data["email"] = self.invited
        return super().clean_email()


class _Codes(forms.BaseAuthenticateForm):
    """The package counts guesses and remembers used codes in the cache, which may be away; here a table does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["inputmode"] = "numeric"
        next(iter(self.fields.values())).widget.attrs["autofocus"] = True

    def clean_code(self) -> str:
        now = timezone.now()
        counted = ("code", self.user.pk, known.browser_of(context.request, self.user.email))
        if not limits.count(limits.CODE_BY_ACCOUNT, now, *counted):
            raise get_adapter().validation_error("too_many_login_attempts")
        code = self.cleaned_data["code"]
        tried = None
        for authenticator in Authenticator.objects.filter(user=self.user).exclude(type=Authenticator.Type.WEBAUTHN):
            if tried is None or authenticator.type == Authenticator.Type.TOTP:
                tried = authenticator
            if self._fits(authenticator, code):
                limits.forget(*counted)
                authenticator.user = self.user
                self.authenticator = authenticator
                return code
        if tried is not None:
            self._emit_authentication_failed(tried)
        raise factors().validation_error("incorrect_code")

    def _fits(self, authenticator: Authenticator, code: str) -> bool:
        if authenticator.type == Authenticator.Type.RECOVERY_CODES:
            return recovery.use(authenticator, code)
        if not validate_totp_code(decrypt(authenticator.data["secret"]), code):
            return False
        return _is_new(self.user, code)


class _Careful:
    """What a browser sends of a passkey and is no such thing is a wrong one."""

    def clean_credential(self) -> Authenticator:
        try:
            return super().clean_credential()  # type: ignore[misc]  # that of the package's form
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise factors().validation_error("incorrect_code") from error


class PasskeyForm(_Careful, AuthenticateWebAuthnForm):
    """Asked for after the password."""


class PasskeyAloneForm(_Careful, LoginWebAuthnForm):
    """Signs in by itself."""


class PasskeyAgainForm(_Careful, ReauthenticateWebAuthnForm):
    """Asked for again before something that matters."""


def _is_new(user: User, code: str) -> bool:
    """Whether the app's code was not used before: seen over a shoulder it is good for nothing."""
    digits = "".join(filter(str.isdecimal, code))
    return limits.once(CODE_LASTS, timezone.now(), "used code", user.pk, digits)


class ActivateAppForm(ActivateTOTPForm):
    """The first code of an app is used up, too."""

    def clean_code(self) -> str:
        code = str(super().clean_code())
        if not _is_new(self.user, code):
            raise factors().validation_error("incorrect_code")
        return code


class CodeForm(_Codes, forms.AuthenticateForm):
    """Asked for after the password."""


class CodeAgainForm(_Codes, forms.ReauthenticateForm):
    """Asked for again before something that matters, with the password of who has one."""

    password = PasswordField(label="Password", autocomplete="current-password")
    field_order = ("password", "code")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.user.has_usable_password():
            del self.fields["password"]

    def clean_password(self) -> str:
        """Before the code, which is used up by being right."""
        password = str(self.cleaned_data["password"])
        if not get_adapter().reauthenticate(self.user, password):
            raise get_adapter().validation_error("incorrect_password")
        return password

    def clean_code(self) -> str:
        if "password" in self.fields and "password" not in self.cleaned_data:
            return ""
        return super().clean_code()
