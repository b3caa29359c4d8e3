"""The attributes that are read, of both HTTP semantic conventions, and what each one's value becomes.

Values come as ``Value``, whichever form of OTLP they came in. A cleaned value of None counts as no attribute.
https://opentelemetry.io/docs/specs/semconv/http/http-spans/ and, for the old names, its migration guide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from endpoint_stats.ingest.sources.values import MAX_SIZE

Value = str | int | float | bool | bytes | list[Any] | tuple[Any, ...] | None
"""An AnyValue: a scalar, a list of Values, or a map as a tuple of (key, Value); None where nothing is told."""
Cleaner = Callable[[Value], Any]
Found = Mapping[str, Any]
"""Attribute -> cleaned value. Other attributes may be among them; nobody asks for those."""

CONSUMER = "enduser.id"
INVALID = -1  # a status or size that is none; unlike 0 it is true, so that `or` does not pass over it
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_END = re.compile(r"[?#]")
_DIGITS = re.compile(r"[0-9]{1,20}")


def text(value: Value) -> str | None:
    """A scalar as text; a list (a header) as its first one's. None for everything else, and for an empty text."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, list):
        return text(value[0]) if value and not isinstance(value[0], list) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else None


def _route(value: Value) -> str | None:
    """As the service writes it; Django's and Flask's may lack the first slash."""
    route = text(value)
    return route if route is None or route.startswith("/") else f"/{route}"


def _target(value: Value) -> str | None:
    """``http.target``, ``/orders?page=2``: without the query."""
    target = text(value)
    return None if target is None else _END.split(target, maxsplit=1)[0] or None


def _url(value: Value) -> str | None:
    """``http.url``, ``https://shop.example.org/orders?page=2``: its path."""
    url = text(value)
    return None if url is None else _END.split(_AUTHORITY.sub("", url, count=1), maxsplit=1)[0] or "/"


def _whole(value: Value) -> int | None:
    """A whole number, also as digits or as 200.0; INVALID for everything else that is not None."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else INVALID


def _status(value: Value) -> int | None:
    if value.__class__ is int and 100 <= value <= 599:
        return value  # nearly always
    status = _whole(value)
    return status if status is None or 100 <= status <= 599 else INVALID


def _size(value: Value) -> int | None:
    """Bytes. -1 is how many programs write that they do not know a size."""
    if value.__class__ is int and 0 <= value <= MAX_SIZE:
        return value  # nearly always
    if value in (-1, "-1"):
        return None
    size = _whole(value)
    return size if size is None or 0 <= size <= MAX_SIZE else INVALID


CLEANERS: Mapping[str, Cleaner] = {
    "http.request.method": text,
    "http.method": text,
    "http.route": _route,
    "url.path": text,
    "http.target": _target,
    "http.url": _url,
    "url.full": _url,
    "http.response.status_code": _status,
    "http.status_code": _status,
    "error.type": text,
    "user_agent.original": text,
    "http.user_agent": text,
    "client.address": text,
    "http.client_ip": text,
    "http.request.body.size": _size,
    "http.request.size": _size,
    "http.request_content_length": _size,
    "http.response.body.size": _size,
    "http.response.size": _size,
    "http.response_content_length": _size,
    "url.scheme": text,
    "http.scheme": text,
}
RESOURCE_CLEANERS: Mapping[str, Cleaner] = {"service.name": text, "service.version": text}
# Besides the method; scheme and user agent are told of other protocols too.
_OF_HTTP = tuple(name for name in CLEANERS if name.startswith("http.") and not name.endswith(("scheme", "agent", "ip")))


def cleaners(consumer: str) -> dict[str, Cleaner]:
    """CLEANERS, and one for the attribute that names the consumer."""
    return {consumer: text, **CLEANERS}


class Sender(NamedTuple):
    """What a resource says of all that comes from it; None for what it does not say."""

    service: str | None
    version: str | None
    consumer: str | None


def sender(found: Found, consumer: str) -> Sender:
    """``found``: a resource's attributes, cleaned by RESOURCE_CLEANERS and, for the consumer, ``text``."""
    return Sender(found.get("service.name"), found.get("service.version"), found.get(consumer))


def is_request(found: Found) -> bool:
    """Whether a span or point without a method is one of HTTP all the same. A WebSocket's has no method, and is not."""
    scheme = found.get("url.scheme") or found.get("http.scheme")
    return scheme not in ("ws", "wss") and any(found.get(name) is not None for name in _OF_HTTP)


def status(found: Found) -> int | None:
    """100 to 599, INVALID, or None where neither a status nor an error is told. An error without a status is 500."""
    told = found.get("http.response.status_code") or found.get("http.status_code")
    return 500 if told is None and found.get("error.type") else told


def path(found: Found) -> str | None:
    return found.get("url.path") or found.get("http.target") or found.get("http.url") or found.get("url.full")


def consumer(found: Found, name: str, of: Sender) -> str | None:
    """The attribute ``name`` of the span or point, else of its resource."""
    value = found.get(name)
    return of.consumer if value is None else value if isinstance(value, str) else str(value)
