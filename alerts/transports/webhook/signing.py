"""Signatures of Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).

Written here and not taken from the package ``standardwebhooks``, which makes one signature a call and takes the hour of
an aware time for one of UTC; tests hold it to that package's verification.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes of a secret


def new_secret() -> str:
    """A secret to be shown once and kept by both sides."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def key_of(secret: str) -> bytes:
    """The bytes of a secret. Raises ValueError with a sentence for what is none."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"A secret begins with {PREFIX}. Let one be made, or take it over whole.")
    text = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"After {PREFIX} a secret is base64. Take it over whole.") from None
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(f"A secret has {SHORTEST} to {LONGEST} bytes; this one has {len(key)}. Let one be made.")
    return key


def headers(keys: Sequence[bytes], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers, with a signature by each key: whoever knows one of them can verify."""
    seconds = str(int(at.timestamp()))
    content = b".".join((message_id.encode("ascii"), seconds.encode("ascii"), body))
    signatures = [base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode("ascii") for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
