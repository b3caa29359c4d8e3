"""The fast way through a block of text lines: few calls that each work on the whole block.

All lines are joined, split at every quote in one call, and each part of a line becomes a column by a stride
over the flat list. A block is read only when every line is proven to have the format's exact shape; otherwise
the answer is None and the caller takes a smaller block, or the regular expression. Where a block is read, the
result is exactly the regular expression's.

Proofs use marks: the joint between two lines is a part of its own, so if all joints stand where the stride
expects them, no line has a quote more or less than the others. The same holds for spaces within a part.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Protocol

from .line_pattern import CLF_DATE_LENGTH, CLF_ZONE_LENGTH, Field, Piece, field_pattern
from .variables import Shape

JOINT = b'"\n"'  # between two lines; no line has a newline in it
Column = Sequence[bytes]
_CLF_LENGTH = CLF_DATE_LENGTH + 1 + CLF_ZONE_LENGTH
_TO_SHAPE = bytes.maketrans(
    (string.digits + string.ascii_letters).encode(),
    b"0" * len(string.digits) + b"a" * len(string.ascii_letters),
)
_NO_SPACE = bytes(set(range(256)) - {ord(" "), ord("\n")})
_SPACED = (
    Shape.WORD,
    Shape.WIDE,
    Shape.LIST,
)  # shapes that are one word here; wider values take the slow way


class Part(Protocol):
    """What stands between two quotes. read() puts needed columns into `out`; False when a line deviates."""

    def read(self, column: list[bytes], out: dict[int, Column]) -> bool: ...


@dataclass(frozen=True, slots=True)
class LiteralPart:
    text: bytes

    def read(self, column: list[bytes], out: dict[int, Column]) -> bool:
        return column.count(self.text) == len(column)


@dataclass(frozen=True, slots=True)
class QuotedPart:
    place: int | None

    def read(self, column: list[bytes], out: dict[int, Column]) -> bool:
        if self.place is not None:
            out[self.place] = column
        return True


@dataclass(frozen=True, slots=True)
class AnyPart:
    """The rest of an open-ended line."""

    def read(self, column: list[bytes], out: dict[int, Column]) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class PatternPart:
    """Parts whose words are not simply divided by spaces: the regular expression, on this part alone."""

    expression: re.Pattern[bytes]
    places: tuple[int, ...]

    def read(self, column: list[bytes], out: dict[int, Column]) -> bool:
        found = [match.groups() for match in map(self.expression.fullmatch, column) if match]
        if len(found) != len(column):
            return False
        out.update(zip(self.places, zip(*found, strict=True), strict=True))
        return True


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a part: prefix, field (None: the word is just the prefix) and suffix."""

    prefix: bytes
    field: Field | None = None
    suffix: bytes = b""

    def holds(self, column: list[bytes]) -> bool:
        if self.field is None:
            return column.count(self.prefix) == len(column)
        return not (self.prefix or self.suffix) or self._affixes_hold(column)

    def _affixes_hold(self, column: list[bytes]) -> bool:
        if (b'"' + b'"'.join(column)).count(b'"' + self.prefix) != len(column):
            return False
        if not self.suffix:
            return True
        # The field cannot have the suffix's first byte, so nobody else may have brought one in.
        stop = self.suffix[:1]
        expected = (self.prefix + self.suffix).count(stop) * len(column)
        joined = b'"'.join(column) + b'"'
        return (
            min(map(len, column)) >= len(self.prefix) + len(self.suffix)
            and joined.count(self.suffix + b'"') == len(column)
            and joined.count(stop) == expected
        )

    def values(self, column: list[bytes]) -> list[bytes]:
        start, stop = len(self.prefix), -len(self.suffix) or None
        return list(map(itemgetter(slice(start, stop)), column)) if start or stop else column


@dataclass(frozen=True, slots=True)
class WordsPart:
    """Words divided by single spaces. listed: a field may be a list, whose joints would look like spaces."""

    words: tuple[Word, ...]
    listed: bool

    def read(self, column: list[bytes], out: dict[int, Column]) -> bool:
        lines, stride = len(column), len(self.words) + 1
        joined = b' " '.join(column)
        if self.listed and (b", " in joined or b" : " in joined):
            return False
        flat = joined.split(b" ")
        if len(flat) != lines * stride - 1 or flat[stride - 1 :: stride].count(b'"') != lines - 1:
            return False
        for index, word in enumerate(self.words):
            words = flat[index::stride]
            if not word.holds(words):
                return False
            if word.field is not None and word.field.place is not None:
                out[word.field.place] = word.values(words)
        return True


@dataclass(frozen=True, slots=True)
class TimePart:
    """A common log format time in brackets: `before` ends where the bracket opens, `after` is a literal.

    dashes: places of the words right before the time that are "-" in nearly every log (ident and user), None
    for those that nobody needs. While they are, nothing else needs to be cut out of the part.
    """

    before: Part
    place: int | None
    after: bytes
    dashes: tuple[int | None, ...]

    def read(self, column: list[bytes], out: dict[int, Column]) -> bool:
        joined = JOINT.join(column)
        shape = joined.translate(_TO_SHAPE)
        stop = -len(self.after) - 1
        sign = column[0][stop - CLF_ZONE_LENGTH : stop - CLF_ZONE_LENGTH + 1]
        if sign not in (b"+", b"-"):
            return False
        time = b"[00/aaa/0000:00:00:00 " + sign + b"0000]" + self.after
        all_dashes = self.dashes and _all_end(shape, b" " + b"- " * len(self.dashes) + time, len(column))
        if not all_dashes and not _all_end(shape, time, len(column)):
            return False
        if self.place is not None:
            start = stop - _CLF_LENGTH
            out[self.place] = list(map(itemgetter(slice(start, stop)), column))
        if all_dashes and self._has_words_only(joined, len(column)):
            out.update({place: [b"-"] * len(column) for place in self.dashes if place is not None})
            return True
        stop -= _CLF_LENGTH + 1
        return self.before.read([part[:stop] for part in column], out)

    def _has_words_only(self, joined: bytes, lines: int) -> bool:
        """Whether every line has as many spaces as `before` and the time ask for: compares the bare spaces."""
        assert isinstance(self.before, WordsPart)
        spaces = b" " * (len(self.before.words) + self.after.count(b" "))
        return joined.translate(None, _NO_SPACE) == b"\n".join([spaces] * lines)


def _all_end(shape: bytes, end: bytes, lines: int) -> bool:
    return shape.count(end + JOINT) + shape.endswith(end) == lines


class BlockReader:
    """Reads blocks of lines of one format. `found` as line_pattern.pieces gives it."""

    def __init__(self, found: list[Piece], escaped: bool, open_ended: bool) -> None:
        self.escaped = escaped
        self.open_ended = open_ended
        self.parts = [_part(tokens, escaped) for tokens in _between_quotes(found)]
        if open_ended:
            # The last literal may be followed by anything, so this part alone has no shape to prove.
            self.parts[-1] = AnyPart()

    def read(self, lines: list[bytes], joined: bytes) -> dict[int, Column] | None:
        """Place -> column for the needed fields, or None when any line deviates from the format.

        joined: JOINT.join(lines). There is at least one line.
        """
        if self.escaped and b"\\" in joined and b'\\"' in joined:
            return None
        flat = joined.split(b'"')
        parts = lines[0].count(b'"') + 1 if self.open_ended else len(self.parts)
        stride = parts + 1
        if parts < len(self.parts) or len(flat) != len(lines) * stride - 1:
            return None
        if flat[parts::stride].count(b"\n") != len(lines) - 1:
            return None
        out: dict[int, Column] = {}
        for index, part in enumerate(self.parts):
            if not part.read(flat[index::stride], out):
                return None
        return out

    def plausible(self, lines: list[bytes]) -> list[bool]:
        """Which lines have as many quotes as a block needs; irregular lines mostly have more."""
        quotes = len(self.parts) - 1
        if self.open_ended:
            return [line.count(b'"') >= quotes for line in lines]
        return [line.count(b'"') == quotes for line in lines]


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
    return _time_part(tokens, escaped) or _words_part(tokens) or _pattern_part(tokens, escaped)


def _pattern_part(tokens: list[Piece], escaped: bool) -> PatternPart:
    patterns = [field_pattern(token, escaped) if isinstance(token, Field) else re.escape(token) for token in tokens]
    places = tuple(token.place for token in tokens if isinstance(token, Field) and token.place is not None)
    return PatternPart(re.compile(b"".join(patterns), re.DOTALL), places)


def _time_part(tokens: list[Piece], escaped: bool) -> TimePart | None:
    """The part as what stands before a time in brackets, the time, and a literal; None when it is not that."""
    if len(tokens) < 3:
        return None
    *start, opening, field, closing = tokens
    if not (isinstance(opening, bytes) and isinstance(field, Field) and isinstance(closing, bytes)):
        return None
    if field.shape is not Shape.CLF_TIME or opening[-1:] != b"[" or closing[:1] != b"]":
        return None
    if closing.translate(_TO_SHAPE) != closing or b"0" in closing or b"a" in closing:
        return None  # the shape would not tell this literal from others
    before = _part([*start, opening[:-1]], escaped)
    return TimePart(before, field.place, closing[1:], _dashes(before))


def _dashes(before: Part) -> tuple[int | None, ...]:
    """See TimePart.dashes; () when the part is not such that they are all that is needed of it."""
    if not isinstance(before, WordsPart) or before.listed:
        return ()
    *words, last = before.words
    simple = all(not word.suffix and (word.field is None or not word.prefix) for word in words)
    if last != Word(b"") or not simple:
        return ()
    first = next((i for i, word in enumerate(words) if word.field is None or word.field.place is not None), 0)
    if first == 0 or any(word.field is None and word.prefix != b"-" for word in words):
        return ()
    return tuple(word.field.place if word.field else None for word in words[first:])


def _words_part(tokens: list[Piece]) -> WordsPart | None:
    """The part as words, or None when some word has two fields or a shape of its own."""
    words: list[Word] = [Word(b"")]
    for token in tokens:
        if isinstance(token, bytes):
            first, *others = token.split(b" ")
            words[-1] = _with_text(words[-1], first)
            words += [Word(text) for text in others]
        elif words[-1].field is not None or token.shape not in _SPACED:
            return None
        else:
            words[-1] = Word(words[-1].prefix, token)
    listed = any(isinstance(token, Field) and token.shape is Shape.LIST for token in tokens)
    return WordsPart(tuple(words), listed)


def _with_text(word: Word, text: bytes) -> Word:
    if word.field is None:
        return Word(word.prefix + text)
    return Word(word.prefix, word.field, word.suffix + text)
