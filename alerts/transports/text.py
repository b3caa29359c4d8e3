"""Texts that anybody may have written, made fit to be shown to others."""

import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .base import Item, Message

# Controls, and what turns the direction of text around or hides in it: shown as \u202e, not obeyed.
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
LONGEST = 2_000
_JOINERS = frozenset("\u200c\u200d")  # scripts and emoji need them

STATES = {
    "raised": "Firing",
    "reminder": "Still firing",
    "escalated": "Still firing, escalated",
    "acknowledged": "Acknowledged",
    "resolved": "Resolved",
    "flapping": "Flapping",
    "test": "Test",
    "news": "News",
}


def plain(text: str, limit: int = LONGEST) -> str:
    """``text`` on one line of at most ``limit`` characters: spaces and line breaks become single spaces, other controls
    their code; what is cut ends with …"""
    # Of what is cut anyhow nothing is looked at: a path may have megabytes.
    piece = text[: limit * 8]
    shown = piece if piece.isprintable() else "".join(_shown(char) for char in piece)
    return cut(" ".join(shown.split()), limit)


def _shown(char: str) -> str:
    if char.isspace() and char.isascii():
        return " "
    if unicodedata.category(char) in _HIDDEN and char not in _JOINERS:
        code = ord(char)
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return char


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def moment(at: datetime, zone: str) -> str:
    """A time as people of ``zone`` read it, with the zone's name; an unknown zone is UTC."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone, place = "UTC", ZoneInfo("UTC")
    return f"{at.astimezone(place):%Y-%m-%d %H:%M} {zone}"


def state(message: Message) -> str:
    """What the message says, in a word or two."""
    return STATES[message.kind]


def facts(message: Message) -> list[tuple[str, str]]:
    """What stands in the table of a message: its own facts, and when it began and ended."""
    found = [(plain(name), plain(value)) for name, value in message.facts]
    if message.started is not None:
        found.append(("Started", moment(message.started, message.zone)))
    if message.ended is not None:
        found.append(("Ended", moment(message.ended, message.zone)))
    return found


def first_facts(found: list[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """The first ``most`` facts, the last one of which says how many more there are."""
    return found if len(found) <= most else [*found[: most - 1], ("…", f"and {len(found) - most + 1} more")]


def item_line(item: Item) -> str:
    """One group: "GET /orders, shop: 812 ms (firing)"."""
    labels = ", ".join(f"{plain(name)}={plain(value)}" for name, value in item.labels.items())
    return f"{labels or 'all'}: {plain(item.value)} ({plain(item.state)})"


def first(lines: list[str], most: int) -> list[str]:
    """The first ``most`` lines, and a last one that says how many more there are."""
    return lines if len(lines) <= most else [*lines[: most - 1], f"and {len(lines) - most + 1} more"]
