"""Posting to a receiver, and what its answer means."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from alerts.outgoing import Answer, OutgoingError

from .base import Context, Failed, Refused, Sent
from .text import plain

# "Try again later", whoever says it.
PASSING = frozenset({408, 425, 429})
ANSWER_LENGTH = 300


def json_bytes(content: Any) -> bytes:
    """UTF-8 without spaces. A lone surrogate, which UTF-8 cannot say, becomes a question mark."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def post(context: Context, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    """POST JSON. Raises Refused for what would be refused again, Failed for what may pass."""
    given = {"Content-Type": "application/json", "User-Agent": "Endpoint-Stats", **(headers or {})}
    try:
        return context.http("POST", url, headers=given, body=body)
    except OutgoingError as error:
        if error.lasting:
            raise Refused(error.text) from None
        raise Failed(error.text) from None


def judge(answer: Answer, *, now: datetime, accepted: frozenset[int] | None = None) -> Sent:
    """What a vendor's answer means: ``accepted`` (else any 2xx) is taken; 408, 425, 429 and 5xx may pass; anything
    else says that the configuration or the message is wrong, and would say so again."""
    status = answer.status
    said = said_by(answer)
    if status in accepted if accepted is not None else 200 <= status < 300:
        return Sent(status, said)
    if status in PASSING or status >= 500:
        raise Failed(f"The receiver answered {status}: {said}", status, retry_after(answer, now))
    if 300 <= status < 400:
        raise Refused(f"The receiver answered {status}, a redirect, which is not followed. Enter the new URL.", status)
    raise Refused(f"The receiver refused it with {status}: {said}", status)


def said_by(answer: Answer) -> str:
    """The beginning of an answer, on one line."""
    return plain(answer.body.decode("utf-8", "replace"), ANSWER_LENGTH) or "nothing"


def retry_after(answer: Answer, now: datetime) -> float | None:
    return parse_retry_after(answer.headers.get("retry-after"), now)


def parse_retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header (RFC 9110, 10.2.3) asks for: a number, or an HTTP date. None where it says
    nothing that is valid."""
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    # HTTP dates are in UTC; some name no zone.
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())
