"""Decoder of the target slot: a request line, or method and path, -> Target."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .base import Reject, Target, TargetValues
from .values import plain, unescape, without_controls

OTHER_METHOD = "_OTHER"  # OpenTelemetry's value of http.request.method for methods that it does not know
KNOWN_METHODS = frozenset(
    (
        *("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY", "PURGE"),
        *("PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK"),
        *("SEARCH", "REPORT", "ACL", "MKCALENDAR"),
    )
)
PATH_LENGTH = 2_000
SERVICE_LENGTH = 200
_METHOD = re.compile(r"(?=[_-]*[A-Za-z])[A-Za-z_-]{1,32}", re.ASCII)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^/?#]*")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_END = re.compile(r"[?#]")
# Nearly every request line: a known method, and a path in which there is nothing to decode, cut or replace.
_PLAIN = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/[A-Za-z0-9/._~@:+,;=!$&'()*-]{0,1900})(?:\?[!-~]*)? HTTP/\d(?:\.\d)?"
)


def method_name(text: str) -> str:
    """Upper case when known, `_OTHER` for other words; Reject("method_invalid") for what is no method."""
    if not _METHOD.fullmatch(text):
        raise Reject("method_invalid")
    upper = text.upper()
    return upper if upper in KNOWN_METHODS else OTHER_METHOD


def normal_path(text: str) -> str:
    """Path of a request target: no query and fragment, no scheme and host, at most 2,000 characters.

    Percent-encoded unreserved characters are decoded (RFC 3986, 6.2.2.2); repeated slashes and dot segments
    stay. `*` stays. Everything else that does not begin with a slash is Reject("request_malformed").
    """
    path = _END.split(text, maxsplit=1)[0]
    if not path.startswith("/"):
        if path == "*":
            return path
        absolute = _ABSOLUTE.match(path)
        if not absolute:
            raise Reject("request_malformed")
        path = path[absolute.end() :] or "/"
    if "%" in path:
        path = _PERCENT.sub(_unreserved, path)
    return _cut(without_controls(path))


def _unreserved(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else found[0]


def _cut(text: str) -> str:
    return text if len(text) <= PATH_LENGTH else text[: PATH_LENGTH - 1] + "…"


def service_name(text: str) -> str:
    """At most 200 characters, control characters replaced."""
    return without_controls(text[:SERVICE_LENGTH])


def request_line(text: str) -> tuple[str, str]:
    """Method and target of `GET /a b HTTP/1.1`. The version may be missing (HTTP/0.9)."""
    method, _, rest = text.partition(" ")
    before, _, last = rest.rpartition(" ")
    if last.startswith("HTTP/"):
        rest = before
    return method, rest


def target(raw: Any, escaped: bool = False) -> Target:
    """Target of a request line, of (method, path), or of (method, path, route, service).

    escaped: undo the log's backslash escapes of bytes first. Raises Reject "request_malformed" for what has
    no method and path (`-`, TLS bytes, CONNECT host:port), "method_invalid" for a method that is no word.
    """
    route = service = ""
    if isinstance(raw, tuple):
        method, path, *rest = (_text(part, escaped) for part in raw)
        if rest:
            route, service = rest
    else:
        method, path = request_line(_text(raw, escaped))
    if method in ("", "-"):
        raise Reject("request_malformed")
    if path or not route:
        path = normal_path(path)
    return Target(
        method_name(method),
        path,
        _cut(without_controls(route)),
        service_name(service),
    )


def _text(raw: Any, escaped: bool) -> str:
    if isinstance(raw, bytes) and escaped:
        raw = unescape(raw)
    value = plain(raw)
    if not isinstance(value, str | None):
        raise Reject("request_malformed")
    return value or ""


def text_target(escaped: bool) -> Callable[[Any], TargetValues]:
    """The decoder for text logs with (nginx, Apache) or without (nginx's escape=none) backslash escapes."""
    plain = _PLAIN.fullmatch

    def decode(raw: Any) -> TargetValues:
        found = plain(raw) if isinstance(raw, bytes) else None
        if found is None:
            return target(raw, escaped)
        method, path = found.groups()
        return method.decode(), path.decode(), "", ""

    return decode
