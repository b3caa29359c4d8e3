"""System checks of how people sign in."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


def _one_of(name: str, values: tuple[str, ...]) -> list[CheckMessage]:
    value = getattr(settings, name)
    if value in values:
        return []
    return [Error(f"{name} is {value!r}.", hint=f"Set it to one of: {', '.join(values)}.", id="accounts.E001")]


@register("accounts")
def sign_in_settings(**kwargs: Any) -> list[CheckMessage]:
    found = _one_of("SIGN_UP", ("open", "invitation", "closed"))
    found += _one_of("REQUIRE_SECOND_FACTOR", ("nobody", "staff", "everybody"))
    if not settings.COMMON_PASSWORDS_FILE.is_file():
        found.append(
            Error(
                f"The list of common passwords is not installed: {settings.COMMON_PASSWORDS_FILE}.",
                hint="Run scripts/setup.sh, which installs what package-lock.json names.",
                id="accounts.E004",
            )
        )
    path = settings.BREACHED_PASSWORDS_FILE
    if path and not Path(path).is_file():
        found.append(
            Error(
                f"BREACHED_PASSWORDS_FILE names {path}, which is no file.",
                hint="Give the file of SHA-1 digests in order, or unset it.",
                id="accounts.E002",
            )
        )
    if settings.SIGN_UP == "open" and not settings.EMAIL_HOST_NAME:
        found.append(
            Warning(
                "Anybody may sign up, and no address is verified: SIGN_UP is open and EMAIL_HOST is not set.",
                hint="Set EMAIL_HOST to your mail server, or SIGN_UP to invitation.",
                id="accounts.W001",
            )
        )
    if settings.OIDC_ISSUER and not settings.OIDC_ISSUER.startswith(("https://", "http://127.0.0.1:")):
        found.append(
            Error(
                "OIDC_ISSUER is not an https:// address.",
                hint="Give the provider's issuer, such as https://login.example.org/realms/main.",
                id="accounts.E003",
            )
        )
    return found
