"""Decoders of status, duration, sizes and names. Raw values are bytes (text logs) or JSON scalars."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from .base import Reject

MAX_DURATION = 30 * 86_400 * 10**9  # nanoseconds
MAX_SIZE = 2**53
CONSUMER_LENGTH = 200
VERSION_LENGTH = 200
USER_AGENT_LENGTH = 1_000

_MISSING = (None, "", "-")
_STATUS = re.compile(r"[1-5]\d\d", re.ASCII)
_DIGITS = re.compile(r"\d{1,20}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,20}(?:\.\d{0,20})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_LIST = re.compile(r"\s*[,:]\s*")
_GO_DURATION = re.compile(r"(?:\d{1,12}(?:\.\d{1,12})?(?:ns|us|µs|μs|ms|s|m|h))+", re.ASCII)
_GO_PART = re.compile(r"([\d.]+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_GO_UNITS = {
    "ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9
}  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ESCAPE = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|([\\"/bfnrtv]))')
_ESCAPED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def plain(raw: Any) -> Any:
    """bytes as text; everything else as it is."""
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw


def unescape(raw: bytes) -> bytes:
    r"""Undo the escapes that nginx and Apache write: `\xHH`, `\"`, `\\`, `\n`, and `\uHHHH` of escape=json."""
    return _ESCAPE.sub(_unescaped, raw) if b"\\" in raw else raw


def _unescaped(found: re.Match[bytes]) -> bytes:
    byte, code, letter = found.groups()
    if byte:
        return bytes((int(byte, 16),))
    if code:
        return chr(int(code, 16)).encode("utf-8", "surrogatepass")
    return _ESCAPED.get(letter, letter)


def without_controls(text: str) -> str:
    """Control characters (C0, DEL, C1) become U+FFFD, so that every database and page can hold the text."""
    return _CONTROL.sub("\ufffd", text)


def status(raw: Any) -> int:
    """100 to 599."""
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    text = str(plain(raw)) if abs_small(raw) else ""
    if not _STATUS.fullmatch(text):
        raise Reject("status_invalid")
    return int(text)


def size(raw: Any) -> int:
    """Bytes; 0 when missing."""
    value = plain(raw)
    if value in _MISSING:
        return 0
    if isinstance(value, str):
        if not _DIGITS.fullmatch(value):
            raise Reject("size_invalid")
        value = int(value)
    if not 0 <= value <= MAX_SIZE or value != int(value):
        raise Reject("size_invalid")
    return int(value)


def duration(nanoseconds_per_unit: int) -> Callable[[Any], int | None]:
    """Decoder of a duration that is given in a unit of so many nanoseconds. None when missing."""

    def decode(raw: Any) -> int | None:
        value = plain(raw)
        return None if value in _MISSING else _nanoseconds(value, nanoseconds_per_unit)

    return decode


def _nanoseconds(value: str | float, unit: int) -> int:
    text = repr(value) if isinstance(value, float) else str(value) if abs_small(value) else ""
    if not _NUMBER.fullmatch(text):
        raise Reject("duration_invalid")
    # Decimal, since 0.003 s must be 3,000,000 ns and not one less.
    return _checked(int((Decimal(text) * unit).to_integral_value()))


def abs_small(value: Any) -> bool:
    """False for integers whose digits Python would refuse to print."""
    return not isinstance(value, int) or -(10**20) < value < 10**20


def _checked(nanoseconds: int) -> int:
    if not 0 <= nanoseconds <= MAX_DURATION:
        raise Reject("duration_invalid")
    return nanoseconds


seconds = duration(10**9)


def seconds_list(raw: Any) -> int | None:
    """nginx $upstream_response_time: seconds of each server that was tried, `0.1, 0.2 : 0.3`, summed."""
    value = plain(raw)
    if not isinstance(value, str):
        return seconds(value)
    parts = [part for part in map(seconds, _LIST.split(value.strip())) if part is not None]
    return _checked(sum(parts)) if parts else None


def seconds_sum(raw: tuple[Any, ...]) -> int | None:
    """AWS ALB: the sum of the stages' seconds; None when any of them is -1 (not measured)."""
    values = [plain(part) for part in raw]
    if any(value in ("-1", -1) for value in values):
        return None
    parts = [part for part in map(seconds, values) if part is not None]
    return _checked(sum(parts)) if len(parts) == len(values) else None


def seconds_or_go(raw: Any) -> int | None:
    """Caddy: seconds as a number, or Go's notation (`1m2.5s`, `310µs`) with `duration_format string`."""
    value = plain(raw)
    if not isinstance(value, str) or not _GO_DURATION.fullmatch(value):
        return seconds(value)
    total = Decimal(0)
    for number, unit in _GO_PART.findall(value):
        total += Decimal(number) * _GO_UNITS[unit]
    return _checked(int(total.to_integral_value()))


def name(length: int, escaped: bool = False) -> Callable[[Any], str]:
    """Decoder of a short text: control characters replaced, cut to `length` characters, "" when missing.

    escaped: undo the log's backslash escapes first.
    """

    def decode(raw: Any) -> str:
        if isinstance(raw, bytes) and escaped:
            raw = unescape(raw)
        value = plain(raw)
        if value in _MISSING:
            return ""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not abs_small(value):
            raise Reject("field_invalid")
        return without_controls(str(value)[:length])

    return decode
