"""Secrets that have to be read again are encrypted with keys made of SECRET_KEY: a copy of the database alone tells
none of them. Each purpose has a key of its own."""

import base64
import hashlib
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

__all__ = ["InvalidToken", "seal", "unseal"]


def seal(text: str, purpose: str) -> str:
    return _fernet(purpose).encrypt(text.encode()).decode()


def unseal(sealed: str, purpose: str) -> str:
    """Raises InvalidToken where SECRET_KEY was changed without SECRET_KEY_FALLBACKS."""
    return _fernet(purpose).decrypt(sealed.encode()).decode()


def _fernet(purpose: str) -> MultiFernet:
    return _made_of((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS), purpose)


@cache
def _made_of(keys: tuple[str, ...], purpose: str) -> MultiFernet:
    made = (hashlib.sha256(f"endpoint-stats {purpose}\0{key}".encode()).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in made])
