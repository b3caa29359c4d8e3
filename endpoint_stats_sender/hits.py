"""A hit as a dictionary of what is sent, and what keeps it small.

Keys: time (epoch seconds), method, path, route, status, duration (seconds), service, request_size, response_size
(bytes), consumer, version, user_agent, trace_id. What is not known is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

Hit = dict[str, Any]

# Characters that are kept of each. A route is the application's own text, shared by all its hits: a short bound would
# join routes.
LENGTHS = {
    **dict.fromkeys(("time", "method", "status", "duration", "service", "request_size", "response_size"), 200),
    **dict.fromkeys(("consumer", "version", "trace_id"), 200),
    **dict.fromkeys(("path", "route"), 2_000),
    "user_agent": 500,
}
MAX_NUMBER = 2**53
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@-]*")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


def bounded(hit: Mapping[str, Any]) -> Hit:
    """The same hit with long strings cut. None, unknown keys and values that are no plain text or number stay out.

    So whatever an application records, a queue of hits has a size, and every hit can be written as JSON.
    """
    found: Hit = {}
    for name, value in hit.items():
        length = LENGTHS.get(name)
        if value is None or length is None:
            continue
        if isinstance(value, str):
            found[name] = value[:length]
        # NaN and infinity fail the comparison.
        elif isinstance(value, (int, float)) and -MAX_NUMBER <= value <= MAX_NUMBER:
            found[name] = value
    return found


def path_of(decoded: str) -> str:
    """A decoded path as it stands in a request line: a `?` in it is part of the path and no query string."""
    path = decoded[: LENGTHS["path"]]
    return path if _PLAIN_PATH.fullmatch(path) else quote(path, safe="/~!$&'()*+,;=:@", errors="replace")


def size_of(text: object) -> int | None:
    """Bytes that a Content-Length names; None where it names none."""
    # Sixteen digits: Python refuses to read numbers of thousands of them.
    if isinstance(text, str) and len(text) <= 16 and text.isascii() and text.isdigit():
        return int(text)
    return None


def trace_id(traceparent: str | None) -> str | None:
    """The trace's id in a W3C traceparent header; None where that is missing or invalid."""
    found = _TRACEPARENT.fullmatch(traceparent.strip()) if traceparent else None
    if not found:
        return None
    version, trace, parent, more = found.groups()
    # Version 00 ends after the flags, ff is forbidden, and ids of zeros are invalid.
    if version == "ff" or (version == "00" and more) or not trace.strip("0") or not parent.strip("0"):
        return None
    return trace
