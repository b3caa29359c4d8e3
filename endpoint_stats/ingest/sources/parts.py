"""The fast way through text lines: where each field of each line lies, found for all lines at once.

A line's quotes divide it into parts, and the spaces of a part divide that into words. A line is regular when it has
the format's number of quotes, and each part the number of words that the format's literals give it: then no value
has a space or a quote of its own, and each lies between marks that are known. Whether a line is regular is asked
of each line alone. For regular lines the result is exactly the regular expression's (line_pattern.py), which
reads all others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np

from .line_pattern import CLF_DATE_LENGTH, CLF_ZONE_LENGTH, Field, Piece, field_pattern
from .lines import Bools, Ints, Lines, Spans
from .variables import Shape

_BACKSLASH = ord("\\")
_ONE_WORD = (Shape.WORD, Shape.WIDE, Shape.LIST)  # a value with a space in it makes its line irregular


class Stretch(NamedTuple):
    """One part of some lines, as int64[n].

    opening, closing: which of the marks stand before and behind it; end: position, a carriage return left out
    """

    lines: Lines
    opening: Ints
    closing: Ints
    end: Ints

    @property
    def start(self) -> Ints:
        return self.lines.marks[self.opening] + 1


Columns = dict[int, Spans]


class Part(Protocol):
    """What stands between two quotes."""

    def read(self, stretch: Stretch, good: Bools, out: Columns) -> None:
        """Put needed columns into ``out``, and take lines that deviate out of ``good``."""
        ...


@dataclass(frozen=True, slots=True)
class LiteralPart:
    text: bytes

    def read(self, stretch: Stretch, good: Bools, out: Columns) -> None:
        good &= Spans(stretch.lines, stretch.start, stretch.end).equal(self.text)


@dataclass(frozen=True, slots=True)
class QuotedPart:
    place: int | None

    def read(self, stretch: Stretch, good: Bools, out: Columns) -> None:
        if self.place is not None:
            out[self.place] = Spans(stretch.lines, stretch.start, stretch.end)


@dataclass(frozen=True, slots=True)
class PatternPart:
    """Parts whose words are not simply divided by spaces: the regular expression, on this part alone."""

    expression: re.Pattern[bytes]
    places: tuple[int, ...]

    def read(self, stretch: Stretch, good: Bools, out: Columns) -> None:
        match, data = self.expression.fullmatch, stretch.lines.data
        rows = np.flatnonzero(good)
        bounds = zip(stretch.start[rows].tolist(), stretch.end[rows].tolist(), strict=True)
        found = [match(data, start, end) for start, end in bounds]
        good[rows] = [each is not None for each in found]
        for column, place in enumerate(self.places, start=1):
            span = np.zeros((len(good), 2), np.int64)
            span[good] = np.array([each.regs[column] for each in found if each], np.int64).reshape(-1, 2)
            out[place] = Spans(stretch.lines, span[:, 0], span[:, 1])


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a part: prefix, field (None: the word is just the prefix) and suffix.

    size: bytes of the field, None for any number. A time is two words, so that its field starts in one and
    `ends` in the next.
    """

    prefix: bytes
    field: Field | None = None
    suffix: bytes = b""
    size: int | None = None
    starts: bool = True
    ends: bool = True

    def read(self, lines: Lines, start: Ints, end: Ints, good: Bools) -> Spans:
        """Where the field lies."""
        field = Spans(lines, start + len(self.prefix), end - len(self.suffix))
        size = 0 if self.field is None else self.size
        length = field.end - field.start
        good &= length >= 0 if size is None else length == size
        if self.prefix:
            good &= lines.hold(self.prefix, start)
        if self.suffix:
            good &= lines.hold(self.suffix, field.end)
        if self.suffix and size is None:
            # The field cannot have the byte that ends it.
            good &= lines.first(self.suffix[:1], field.start) == field.end
        return field


@dataclass(frozen=True, slots=True)
class WordsPart:
    """Words divided by single spaces."""

    words: tuple[Word, ...]

    def read(self, stretch: Stretch, good: Bools, out: Columns) -> None:
        good &= stretch.closing - stretch.opening == len(self.words)
        last = len(self.words) - 1
        start = stretch.start
        for number, word in enumerate(self.words):
            # In a part of fewer words this is the place of another one, which then does not matter.
            end = stretch.end if number == last else self._mark(stretch, number + 1)
            field = word.read(stretch.lines, start, end, good)
            if word.field is not None and word.field.place is not None:
                if word.starts:
                    out[word.field.place] = field
                elif word.ends:
                    out[word.field.place] = Spans(stretch.lines, out[word.field.place].start, field.end)
            if number < last and word.field is not None and word.field.shape is Shape.LIST and not word.suffix:
                self._exclude_lists(stretch.lines, end, good)
            start = end + 1

    @staticmethod
    def _mark(stretch: Stretch, number: int) -> Ints:
        return stretch.lines.marks[np.minimum(stretch.opening + number, stretch.closing)]

    @staticmethod
    def _exclude_lists(lines: Lines, end: Ints, good: Bools) -> None:
        """Lines on which a list that ends at the space `end` would go on behind it, after "," or with " : "."""
        good &= (lines.codes[end - 1] != ord(",")) & (lines.codes[end + 1] != ord(":"))


class LineReader:
    """Reads the regular lines of one format. `found` as line_pattern.pieces gives it."""

    def __init__(self, found: list[Piece], escaped: bool, open_ended: bool) -> None:
        self.escaped = escaped
        self.open_ended = open_ended
        self.parts = [_part(tokens, escaped) for tokens in _between_quotes(found)]
        if open_ended:
            # The last literal may be followed by anything, so this part alone has no shape to prove.
            self.parts.pop()

    def read(self, lines: Lines) -> tuple[Ints, Columns]:
        """Which lines are regular (int64, ascending), and place -> column for the needed fields of these."""
        quotes = np.diff(lines.breaks) - 1
        wanted = len(self.parts) - (not self.open_ended)
        rows = np.flatnonzero(quotes >= wanted if self.open_ended else quotes == wanted)
        bars = lines.breaks[rows]
        bounds = [lines.bars[bars + number] for number in range(len(self.parts) + 1)]
        good = np.ones(len(rows), bool)
        out: Columns = {}
        for number, (part, (opening, closing)) in enumerate(zip(self.parts, pairwise(bounds), strict=True)):
            if number < wanted:
                end = lines.marks[closing]
                if self.escaped:
                    good &= lines.codes[end - 1] != _BACKSLASH  # else this quote does not end its part
            else:
                end = lines.ends[rows]
            part.read(Stretch(lines, opening, closing, end), good, out)
        if good.all():
            return rows, out
        return rows[good], {place: spans.take(good) for place, spans in out.items()}


def _between_quotes(found: list[Piece]) -> list[list[Piece]]:
    """The pieces, divided at every quote of the literals."""
    parts: list[list[Piece]] = [[]]
    for piece in found:
        if isinstance(piece, Field):
            parts[-1].append(piece)
            continue
        first, *others = piece.split(b'"')
        parts[-1] += [first] if first else []
        parts += [[text] if text else [] for text in others]
    return parts


def _part(tokens: list[Piece], escaped: bool) -> Part:
    if not any(isinstance(token, Field) for token in tokens):
        return LiteralPart(b"".join(token for token in tokens if isinstance(token, bytes)))
    if len(tokens) == 1 and isinstance(tokens[0], Field) and tokens[0].shape is Shape.QUOTED:
        return QuotedPart(tokens[0].place)
    return _words_part(tokens) or _pattern_part(tokens, escaped)


def _pattern_part(tokens: list[Piece], escaped: bool) -> PatternPart:
    patterns = [field_pattern(token, escaped) if isinstance(token, Field) else re.escape(token) for token in tokens]
    places = tuple(token.place for token in tokens if isinstance(token, Field) and token.place is not None)
    return PatternPart(re.compile(b"".join(patterns), re.DOTALL), places)


def _words_part(tokens: Sequence[Piece]) -> WordsPart | None:
    """The part as words, or None when some word has two fields or a shape of its own."""
    words: list[Word] = [Word(b"")]
    for token in tokens:
        last = words[-1]
        if isinstance(token, bytes):
            first, *others = token.split(b" ")
            words[-1] = _with_text(last, first)
            words += [Word(text) for text in others]
        elif last.field is not None:
            return None
        elif token.shape is Shape.CLF_TIME:
            words[-1:] = [
                Word(last.prefix, token, size=CLF_DATE_LENGTH, ends=False),
                Word(b"", token, size=CLF_ZONE_LENGTH, starts=False),
            ]
        elif token.shape in _ONE_WORD:
            words[-1] = Word(last.prefix, token)
        else:
            return None
    # A field's pattern takes every backslash, also the one that a literal begins with.
    return None if any(word.suffix[:1] == b"\\" for word in words) else WordsPart(tuple(words))


def _with_text(word: Word, text: bytes) -> Word:
    return Word(word.prefix + text) if word.field is None else replace(word, suffix=word.suffix + text)
