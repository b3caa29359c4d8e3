"""One machine, no services: SQLite in var/, a secret key made at the first start."""

import secrets
from datetime import timedelta

from . import env
from .base import *  # noqa: F403  (Django's way to extend settings)
from .base import DATA_DIR


def _secret_key() -> str:
    """Made once and kept beside the data: sessions outlive a restart, and no key stands in the code."""
    path = DATA_DIR / "secret_key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50), encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()


# Who starts it here is who signs in: the password that it shows is their own.
FIRST_PASSWORD = timedelta(days=env.number("FIRST_PASSWORD_DAYS", 0))
DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = env.secret("SECRET_KEY", "") or _secret_key()
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True  # browsers take http://localhost for safe, and nothing else without TLS
