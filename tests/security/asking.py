"""Asking the product as a browser or a program does, and reading all that an answer says."""

import base64
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from django.contrib import messages
from django.core.signals import got_request_exception
from django.http import HttpResponseBase
from django.test import RequestFactory
from django.test.client import ClientHandler

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
SAFE = ("GET", "HEAD", "OPTIONS")
ANSWERS, SIGN_IN, REFUSED, MISSING, NOT_ALLOWED = "answers", "sign in", "refused", "missing", "not allowed"
TOLD = "told"  # sent back to a page that says why not
_OUTCOMES = {401: REFUSED, 403: REFUSED, 404: MISSING, 405: NOT_ALLOWED}
FORM = "application/x-www-form-urlencoded"

# Nothing is kept from one request to the next: each brings what its asker had at the start.
_handler = ClientHandler(enforce_csrf_checks=False)


class _Environs(RequestFactory):
    """Of requests, as a server hands them on."""

    def request(self, **request: Any) -> Any:
        return self._base_environ(**request)


_environs = _Environs()
_defects: list[str] = []


class Defect(AssertionError):
    """The product failed: status 500 or more."""


@dataclass(frozen=True)
class Asker:
    """Who asks: by a session's cookie, by an Authorization header, or as nobody."""

    session: str = ""
    authorization: str = ""
    email: str = ""

    @property
    def environ(self) -> dict[str, str]:
        given = {"HTTP_COOKIE": f"sessionid={self.session}"} if self.session else {}
        return given | ({"HTTP_AUTHORIZATION": self.authorization} if self.authorization else {})


def _note_defect(**about: Any) -> None:
    _defects.append(repr(sys.exc_info()[1]))


@contextmanager
def listening() -> Iterator[None]:
    """Hears what a 500 was raised by. Thousands of refusals are no news meanwhile."""
    log = logging.getLogger("django.request")
    level = log.level
    log.setLevel(logging.CRITICAL)
    got_request_exception.connect(_note_defect)
    try:
        yield
    finally:
        got_request_exception.disconnect(_note_defect)
        log.setLevel(level)


def ask(
    asker: Asker,
    method: str,
    path: str,
    body: Any = b"",
    content_type: str = FORM,
    headers: dict[str, str] | None = None,
) -> Any:
    """The answer. Raises Defect for a 500: no other request can be asked in the same transaction."""
    data = urlencode(body) if isinstance(body, Mapping) else body
    if method in SAFE:
        data, content_type = "", ""
    environ = _environs.generic(method, path, data, content_type, headers=headers, **asker.environ)
    _defects.clear()
    answer = _handler(environ)
    answer.text = answer.getvalue().decode("utf-8", "replace")
    if answer.status_code >= 500:
        raise Defect(f"{method} {path}: {answer.status_code} {'; '.join(_defects)}")
    return answer


def outcome(answer: Any) -> str:
    """What became of a request, in a word; the status for what has none."""
    status = answer.status_code
    if 300 <= status < 400 and status != 304:
        place = urlsplit(answer["Location"])
        asked = place.path in ("/account/login/", "/admin/login/") and "next" in parse_qs(place.query)
        if asked:
            return SIGN_IN
        return TOLD if any(message.level == messages.ERROR for message in _messages(answer)) else ANSWERS
    if 200 <= status < 300 or status == 304:
        return ANSWERS
    return _OUTCOMES.get(status, str(status))


def said(answer: Any, path: str) -> str:
    """All that an answer tells, in small letters: status, headers, cookies with the messages in them, body. Without
    the path that was asked for, which whoever asks knows."""
    parts = [str(answer.status_code), *(f"{name}: {value}" for name, value in answer.items())]
    for cookie in answer.cookies.values():
        parts += [cookie.output(), _unpacked(cookie.value)]
    text = "\n".join([*parts, *map(str, _messages(answer)), answer.text])
    for echo in sorted({path, quote(path), quote(path, safe=""), quote(path, safe="/?=&")}, key=len, reverse=True):
        text = text.replace(echo, "PATH")
    return text.lower()


def _messages(answer: Any) -> list[Any]:
    """What the next page will say."""
    held = getattr(answer.wsgi_request, "_messages", None)
    return list(held._queued_messages) if held is not None else []


def _unpacked(value: str) -> str:
    """What a cookie says that is written in base64."""
    try:
        return base64.urlsafe_b64decode(value.partition(":")[0] + "==").decode("utf-8", "replace")
    except ValueError:
        return ""


# What differs from one answer to the next and tells nothing: tokens of forms, names of sessions, when it was, and the
# digest of what was asked.
_NOISE = (
    (re.compile(r'(name="csrfmiddlewaretoken" value=")[^"]*'), r"\1"),
    (re.compile(r"(csrftoken|sessionid)=[^;]*"), r"\1="),
    (re.compile(r"expires(=|: )[^;\n]*", re.IGNORECASE), "expires"),
    (re.compile(r'ETag: "[0-9a-f]*"'), "ETag"),
    # Signed, and made anew by the second.
    (re.compile(r'(data-pass=")[^"]*'), r"\1"),
)


def shape(answer: HttpResponseBase, ids: dict[str, str]) -> str:
    """Status, headers, cookies and body, byte for byte but for the noise; ``ids`` (text to what to call it) are what
    was asked for, where it is echoed."""
    parts = [str(answer.status_code), *sorted(f"{name}: {value}" for name, value in answer.items())]
    parts += sorted(cookie.output() for cookie in answer.cookies.values())
    text = "\n".join([*parts, answer.text])  # type: ignore[attr-defined]  # set by ask()
    for pattern, instead in _NOISE:
        text = pattern.sub(instead, text)
    for id in sorted(ids, key=len, reverse=True):
        text = text.replace(id, f"<{ids[id]}>")
    return text
