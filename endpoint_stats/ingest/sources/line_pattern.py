"""The shape of a line: a format's tokens made ready for matching, and the regular expression of a whole line."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from .format_string import Format, Token
from .variables import Shape, Variable

CLF_DATE_LENGTH, CLF_ZONE_LENGTH = 20, 5
_BY_QUOTES = (Shape.CLF_TIME, Shape.PATTERN)  # shapes that quotes do not change


@dataclass(frozen=True, slots=True)
class Field:
    """A variable within a line. place: its index among Format.tokens, or None when nobody needs it.

    stop: bytes that its text cannot have, since the next token begins with one of them.
    """

    shape: Shape
    place: int | None
    stop: bytes = b""
    pattern: bytes = b""


Piece = bytes | Field


def pieces(parsed: Format, needed: Collection[int]) -> list[Piece]:
    """Literals and fields of a line. Unneeded words that only punctuation joins become one field."""
    tokens = parsed.tokens
    found: list[Piece] = []
    wide_segments = _wide_places(tokens)
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if isinstance(token, str):
            found.append(token.encode())
            index += 1
            continue
        end = _run_of_unneeded(tokens, index, needed)
        field = _field(tokens, index, end, needed, index in wide_segments)
        found.append(field)
        index = end + 1
    return found


def _wide_places(tokens: tuple[Token, ...]) -> set[int]:
    """Places of the one variable between two quotes that may have spaces: a request before a user."""
    chosen: set[int] = set()
    segment: list[int] = []
    for place, token in [*enumerate(tokens), (len(tokens), '"')]:
        if isinstance(token, Variable):
            if token.shape is Shape.WIDE and _before_space(tokens, place):
                segment.append(place)
        elif '"' in token:
            named = [p for p in segment if tokens[p].name != "remote_user"]  # type: ignore[union-attr]
            chosen.update((named or segment)[:1])
            segment = []
    return chosen


def _before_space(tokens: tuple[Token, ...], place: int) -> bool:
    """Whether a variable ends at a space, a quote or the line's end, so that its end is found in linear time."""
    if place + 1 == len(tokens):
        return True
    following = tokens[place + 1]
    return isinstance(following, str) and following[0] in ' "'


def _run_of_unneeded(tokens: tuple[Token, ...], start: int, needed: Collection[int]) -> int:
    """Last place of a run of unneeded words that begins at `start` and ends before a space; else `start`."""
    last, place = start, start
    while place < len(tokens):
        token = tokens[place]
        if isinstance(token, str):
            if " " in token or '"' in token:
                break
        elif place in needed or token.shape not in (Shape.WORD, Shape.PATH, Shape.QUERY, Shape.MARK):
            return start
        elif _before_space(tokens, place):
            last = place
        place += 1
    return last


def _field(tokens: tuple[Token, ...], start: int, end: int, needed: Collection[int], wide: bool) -> Field:
    variable = tokens[start]
    assert isinstance(variable, Variable)
    place = start if start in needed else None
    before = tokens[start - 1] if start else ""
    after = tokens[end + 1] if end + 1 < len(tokens) else ""
    if variable.shape in _BY_QUOTES:
        return Field(variable.shape, place, pattern=variable.pattern.encode())
    if isinstance(before, str) and isinstance(after, str) and before[-1:] == after[:1] == '"':
        return Field(Shape.QUOTED, place)
    if variable.shape is Shape.WIDE and wide:
        return Field(Shape.WIDE, place)
    if start == end and variable.shape in (Shape.LIST, Shape.QUERY, Shape.MARK):
        return Field(variable.shape, place, _stop(after))
    return Field(Shape.WORD, place, _stop(after))


def _stop(after: Token) -> bytes:
    if isinstance(after, str):
        return after[:1].encode()[:1]
    return {Shape.PATH: b"/", Shape.QUERY: b"?", Shape.MARK: b"?"}.get(after.shape, b"")


def field_pattern(field: Field, escaped: bool) -> bytes:
    """Regular expression of one field, in a group when it is needed. Linear in the text's length.

    escaped: a quote after a backslash belongs to the text.
    """
    stops = b"".join(re.escape(bytes((byte,))) for byte in field.stop)
    slash, escape = (rb"\\", rb'|\\["\\]|\\') if escaped else (b"", b"")
    word = rb'(?:[^" %s%s]++%s)' % (slash, stops, escape)
    if field.shape is Shape.QUOTED:
        body = rb'(?:[^"%s]++%s)*+' % (slash, escape)
    elif field.shape is Shape.WIDE:
        # A user is never "- ..."; so a line with one more word before it is not taken for this format.
        one = rb'(?:[^"\\]|\\["\\]|\\(?!["\\]))' if escaped else rb'[^"]'
        body = rb"(?:-|(?!- )%s*?)" % one
    elif field.shape is Shape.LIST:
        listed = rb'[^" %s]' % stops
        body = rb"%s*+(?:(?:(?<=,) | : )%s++){0,15}+" % (listed, listed)
    elif field.shape is Shape.CLF_TIME:
        body = rb'[^ "]{%d} [^ "]{%d}' % (CLF_DATE_LENGTH, CLF_ZONE_LENGTH)
    elif field.shape is Shape.PATTERN:
        body = _without_groups(field.pattern)
    elif field.shape is Shape.QUERY:
        body = rb"(?:\?%s*+)?+" % word
    elif field.shape is Shape.MARK:
        body = rb"\??+"
    else:
        body = word + b"*+"
    return b"(%s)" % body if field.place is not None else b"(?:%s)" % body


def _without_groups(pattern: bytes) -> bytes:
    return re.sub(rb"(?<!\\)\((?!\?)", b"(?:", pattern)


def line_pattern(found: list[Piece], escaped: bool, open_ended: bool) -> re.Pattern[bytes]:
    """Regular expression of a whole line (use fullmatch): one group for each needed field, in order.

    A line that was cut off within the last quoted value is still read, since everything else is there.
    """
    parts = []
    for index, piece in enumerate(found):
        if isinstance(piece, Field):
            parts.append(field_pattern(piece, escaped))
        elif index == len(found) - 1 and piece == b'"' and not open_ended and _is_quoted(found[index - 1 : index]):
            parts.append(rb'(?:"|\Z)')
        else:
            parts.append(re.escape(piece))
    if open_ended:
        parts.append(rb".*+")
    return re.compile(b"".join(parts), re.DOTALL)


def _is_quoted(before: list[Piece]) -> bool:
    return bool(before) and isinstance(before[0], Field) and before[0].shape is Shape.QUOTED
