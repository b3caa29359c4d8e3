"""Times written with a strftime format (Apache %{format}t): a pattern that finds one, and a decoder."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from .base import Reject
from .times import MONTHS, epoch_seconds, in_range, zone_offset

_LONG_MONTHS = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]  # fmt: skip
_MONTH_NUMBERS = MONTHS | {name: number for number, name in enumerate(_LONG_MONTHS, start=1)}
_PATTERNS = {
    "Y": r"\d{4}", "y": r"\d\d", "m": r"\d\d", "d": r"\d\d", "e": r"[ \d]\d", "b": r"[A-Za-z]{3}",
    "B": r"[A-Za-z]{3,9}", "a": r"[A-Za-z]{3}", "A": r"[A-Za-z]{6,9}", "H": r"\d\d", "I": r"\d\d", "M": r"\d\d",
    "S": r"\d\d", "p": r"[AaPp][Mm]", "z": r"[+-]\d{4}", "Z": r"[A-Z]{1,5}", "s": r"\d{1,12}",
}  # fmt: skip
_SHORTHANDS = {"T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y", "F": "%Y-%m-%d", "h": "%b"}
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)
_WHOLE_DATE = ({"Y", "y"}, {"m", "b", "B"}, {"d", "e"}, {"H", "I"}, {"M"})


def expand(text: str) -> str:
    """The format with its shorthands (%T, %F, ...) written out."""
    return _DIRECTIVE.sub(lambda found: _SHORTHANDS.get(found[1], found[0]), text)


def pattern(text: str) -> str:
    """Regular expression of one strftime format, one group for each directive.

    Raises ValueError for a directive that cannot be read back.
    """
    parts = []
    position = 0
    expanded = expand(text)
    for found in _DIRECTIVE.finditer(expanded):
        parts.append(re.escape(expanded[position : found.start()]))
        position = found.end()
        if found[1] == "%":
            parts.append("%")
        elif found[1] in _PATTERNS:
            parts.append(f"({_PATTERNS[found[1]]})")
        else:
            raise ValueError(f"The time format directive %{found[1]} cannot be read; use %d/%b/%Y:%H:%M:%S %z.")
    return "".join(parts) + re.escape(expanded[position:])


def directives(text: str) -> list[str]:
    """The letters of the format's directives, in order, shorthands written out."""
    return [letter for letter in _DIRECTIVE.findall(expand(text)) if letter != "%"]


def decoder(formats: Sequence[str]) -> Callable[[Any], int]:
    """Decoder of the pieces of one time, each with its own format: bytes, or a tuple of them when several.

    Without a zone the time counts as UTC. Raises ValueError when the pieces do not make up a time.
    """
    letters = [directives(text) for text in formats]
    present = {letter for piece in letters for letter in piece}
    if "s" not in present and not all(present & choices for choices in _WHOLE_DATE):
        raise ValueError("The time needs year, month, day, hour and minute: use %t, or %{sec}t.")
    patterns = [re.compile(pattern(text), re.ASCII) for text in formats]

    def decode(raw: Any) -> int:
        fields: dict[str, str] = {}
        for piece, expression, names in zip(raw if isinstance(raw, tuple) else (raw,), patterns, letters, strict=True):
            found = expression.fullmatch(piece.decode("ascii", "replace"))
            if not found:
                raise Reject("time_invalid")
            fields.update(zip(names, found.groups(), strict=True))
        return _seconds(fields)

    return decode


def _seconds(fields: dict[str, str]) -> int:
    if "s" in fields:
        return in_range(int(fields["s"]))
    month = fields.get("b") or fields.get("B")
    return epoch_seconds(
        int(fields["Y"]) if "Y" in fields else _two_digit_year(int(fields["y"])),
        _MONTH_NUMBERS.get(month.lower(), 0) if month else int(fields["m"]),
        int(fields.get("d") or fields["e"]),
        int(fields["H"]) if "H" in fields else _half_day_hour(int(fields["I"]), fields.get("p", "am")),
        int(fields["M"]),
        int(fields.get("S", "0")),
        _offset(fields),
    )


def _two_digit_year(year: int) -> int:
    return year + (1900 if year >= 69 else 2000)  # as POSIX strptime reads it


def _half_day_hour(hour: int, half: str) -> int:
    if not 1 <= hour <= 12:
        raise Reject("time_invalid")
    return hour % 12 + (12 if half.lower() == "pm" else 0)


def _offset(fields: dict[str, str]) -> int:
    if "z" in fields:
        return zone_offset(fields["z"])
    if fields.get("Z", "UTC") not in ("UTC", "GMT", "Z"):
        raise Reject("time_invalid")  # names of other zones are ambiguous
    return 0
