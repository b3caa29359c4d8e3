"""Decoders of the time slot: raw value -> epoch seconds UTC, rounded down. All raise Reject("time_invalid")."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any

from .base import Reject

MAX_SECONDS = 253_402_300_799  # 9999-12-31T23:59:59Z
MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_CLF = re.compile(r"(\d\d/[A-Za-z]{3}/\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})", re.ASCII)
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,]\d{1,12})?(Z|z|[+-]\d\d(?::?\d\d)?)", re.ASCII)
_DECIMAL = re.compile(r"(\d{1,20})(?:\.\d{0,20})?", re.ASCII)


def epoch_seconds(year: int, month: int, day: int, hour: int, minute: int, second: int, offset: int = 0) -> int:
    """Seconds since 1970 of a local time whose zone is `offset` seconds ahead of UTC.

    Second 60 is allowed, as RFC 3339 allows it, and counts as the next minute's first.
    """
    if hour > 23 or minute > 59 or second > 60:
        raise Reject("time_invalid")
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        raise Reject("time_invalid") from None
    return in_range(days * 86_400 + hour * 3_600 + minute * 60 + second - offset)


def in_range(seconds: int) -> int:
    """The same seconds, when they lie between 1970 and the end of 9999."""
    if not 0 <= seconds <= MAX_SECONDS:
        raise Reject("time_invalid")
    return seconds


def zone_offset(text: str) -> int:
    """Seconds ahead of UTC of "Z", "+0100", "+01:00" or "+01"."""
    if text in ("Z", "z"):
        return 0
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        raise Reject("time_invalid")
    seconds = hours * 3_600 + minutes * 60
    return -seconds if text[0] == "-" else seconds


def _text(raw: Any) -> str:
    """The text of bytes and str; "", which is no time, for everything else."""
    if isinstance(raw, bytes):
        return raw.decode("ascii", "replace")
    return raw if isinstance(raw, str) else ""


def clf_time(raw: Any) -> int:
    """`13/Nov/2025:02:13:20 +0100` (nginx $time_local, Apache %t)."""
    found = _CLF.fullmatch(_text(raw))
    if not found:
        raise Reject("time_invalid")
    day, hour, minute, second, zone = found.groups()
    if hour > "23" or minute > "59" or second > "60":
        raise Reject("time_invalid")
    return in_range(_clf_midnight(day, zone) + int(hour) * 3_600 + int(minute) * 60 + int(second))


@lru_cache(maxsize=1_024)
def _clf_midnight(day: str, zone: str) -> int:
    """Epoch seconds of the first second of `13/Nov/2025` in a zone; a log has few days and zones. May be below 0."""
    number, month, year = day.split("/")
    try:
        days = date(int(year), MONTHS.get(month.lower(), 0), int(number)).toordinal() - _EPOCH_DAY
    except ValueError:
        raise Reject("time_invalid") from None
    return days * 86_400 - zone_offset(zone)


def iso_time(raw: Any) -> int:
    """`2025-11-13T02:13:20.5+01:00`: RFC 3339 and ISO 8601 with a zone (nginx $time_iso8601, ALB)."""
    found = _ISO.fullmatch(_text(raw))
    if not found:
        raise Reject("time_invalid")
    year, month, day, hour, minute, second, zone = found.groups()
    return epoch_seconds(int(year), int(month), int(day), int(hour), int(minute), int(second), zone_offset(zone))


def epoch_time(units_per_second: int) -> Callable[[Any], int]:
    """Decoder of a number of units since 1970, as a number or as decimal digits."""

    def decode(raw: Any) -> int:
        if isinstance(raw, float):
            if not math.isfinite(raw):
                raise Reject("time_invalid")
            return in_range(math.floor(raw) // units_per_second)
        if isinstance(raw, int):
            return in_range(raw // units_per_second)
        found = _DECIMAL.fullmatch(_text(raw))
        if not found:
            raise Reject("time_invalid")
        return in_range(int(found[1]) // units_per_second)

    return decode


_seconds = epoch_time(1)


def number_or_iso_time(raw: Any) -> int:
    """A number is epoch seconds, a string is RFC 3339 (Hits)."""
    return _seconds(raw) if isinstance(raw, int | float) else iso_time(raw)


def any_time(raw: Any) -> int:
    """Epoch seconds, RFC 3339 or the common log format's time, told apart by their looks (JSON logs)."""
    if isinstance(raw, int | float):
        return _seconds(raw)
    text = _text(raw)
    if "/" in text:
        return clf_time(text)
    return iso_time(text) if "-" in text else _seconds(text)
