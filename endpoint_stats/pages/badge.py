"""A badge for a README: a small SVG of two parts, without a script or a style."""

import re
import unicodedata
from enum import StrEnum

from django.utils.html import escape

HEIGHT, PADDING = 20, 7
FONT = "Verdana, DejaVu Sans, Geneva, sans-serif"
LABEL = "#3d454d"
MOST = 60  # characters of a part
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NARROW = frozenset("fijlrtI!|.,:;'()[] ")


class Colour(StrEnum):
    """Of the value's ground: white on it is read at 4.5:1 or better. The words of base.css."""

    VALUE = "#0b5cad"
    FAILING = "#b3261e"
    NOTHING = "#59626d"


def svg(label: str, value: str, colour: Colour, what: str) -> str:
    """``what``: of what the value is, for the title that readers of screens and pointers get."""
    label, value = cut(label), cut(value)
    left, right = (width(text) + 2 * PADDING for text in (label, value))
    whole = left + right
    title = escape(_plain(f"{label}: {value} ({what})"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{HEIGHT}" viewBox="0 0 {whole} {HEIGHT}"'
        f' role="img" aria-label="{title}"><title>{title}</title>'
        f'<clipPath id="round"><rect width="{whole}" height="{HEIGHT}" rx="4"/></clipPath>'
        f'<g clip-path="url(#round)"><rect width="{left}" height="{HEIGHT}" fill="{LABEL}"/>'
        f'<rect x="{left}" width="{right}" height="{HEIGHT}" fill="{colour.value}"/></g>'
        f'<g fill="#ffffff" font-family="{FONT}" font-size="11" aria-hidden="true">'
        f"{_text(label, PADDING)}{_text(value, left + PADDING)}</g></svg>\n"
    )


def _text(text: str, x: int) -> str:
    """As wide as its part, whatever the reader's font is."""
    return f'<text x="{x}" y="14" textLength="{width(text)}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'


def width(text: str) -> int:
    """About as wide as Verdana of 11 px draws it."""
    return max(round(sum(map(_width, text))), 1)


def _width(one: str) -> float:
    if unicodedata.combining(one) or unicodedata.category(one) == "Cf":
        return 0
    if unicodedata.east_asian_width(one) in "WF":
        return 12
    return 4.2 if one in _NARROW else 9.2 if one in "mwMW%@" else 7.5 if one.isupper() else 6.8


def cut(text: str) -> str:
    text = _plain(text)
    return text if len(text) <= MOST else f"{text[: MOST - 1]}…"


def _plain(text: str) -> str:
    """What XML can hold, in one line."""
    return " ".join(_NO_XML.sub("", text).split())
