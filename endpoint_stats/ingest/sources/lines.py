"""The lines of a piece of text as places in it: numpy arrays of positions instead of a Python object for each part.

One scan finds every newline, quote and space (the *marks*); all else is arithmetic on their positions. Strings are
cut out only where a string is wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

WORD = 8  # bytes that are compared and computed with at once
# Around the text, so that a word can be read before and behind each of its bytes. A newline ends no line here, but
# every line then lies between two of them.
_BEFORE = b"\0" * (2 * WORD - 1) + b"\n"
PADDED = (64, 128, 192)  # bytes of a value that can be had as a row of a matrix
_AFTER = b"\0" * (PADDED[-1] + WORD)
NEWLINE, RETURN, SPACE, QUOTE = b'\n\r "'


class Lines:
    """The lines of ``text``; the last one may lack its newline.

    data: the text with some bytes before and behind it; all positions count from its beginning
    codes: uint8[len(data)], its bytes
    words: uint64[len(data) - 7], the eight bytes from each position on, the first one lowest
    """

    def __init__(self, text: bytes | memoryview) -> None:
        closing = b"" if text[-1:] in (b"", b"\n") else b"\n"
        self.data = b"".join((_BEFORE, text, closing, _AFTER))
        self.codes = np.frombuffer(self.data, np.uint8)
        self.words: Words = np.ndarray((len(self.data) - WORD + 1,), "<u8", self.data, strides=(1,))

    @classmethod
    def of(cls, lines: Iterable[bytes]) -> Lines:
        return cls(b"".join(line + b"\n" for line in lines))

    def __len__(self) -> int:
        return len(self.newlines) - 1

    def __getitem__(self, line: int) -> bytes:
        """A line without its newline; a carriage return before that stays."""
        return self.data[self.newlines[line] + 1 : self.newlines[line + 1]]

    @cached_property
    def newlines(self) -> Ints:
        """int64[n + 1]: line ``i`` lies between the positions ``i`` and ``i + 1`` of these."""
        return np.flatnonzero(self.codes == NEWLINE)

    @property
    def lengths(self) -> Ints:
        """int64[n], in bytes, without the newline."""
        return np.diff(self.newlines) - 1

    @cached_property
    def ends(self) -> Ints:
        """int64[n]: where each line ends, before a carriage return (one, which files from Windows have)."""
        ends = self.newlines[1:]
        return ends - (self.codes[ends - 1] == RETURN)

    @cached_property
    def marks(self) -> Ints:
        """Positions of all newlines, quotes and spaces, ascending."""
        return np.flatnonzero((self.codes == SPACE) | (self.codes == QUOTE) | (self.codes == NEWLINE))

    @cached_property
    def bars(self) -> Ints:
        """Which of the marks are no spaces."""
        return np.flatnonzero(self.codes[self.marks] != SPACE)

    @cached_property
    def breaks(self) -> Ints:
        """Which of the bars are newlines; one more than there are lines."""
        return np.flatnonzero(self.codes[self.marks[self.bars]] == NEWLINE)

    def split(self) -> list[bytes]:
        """All lines as bytes, as __getitem__ gives them."""
        return self.data[len(_BEFORE) : -len(_AFTER)].split(b"\n")[:-1]

    def hold(self, literal: bytes, at: Ints) -> Bools:
        """Whether the literal stands at each of the positions. What is said of places outside the data is of no use."""
        found = np.ones(len(at), bool)
        limit = len(self.words) - len(literal)
        if limit < 0:
            return ~found
        at = np.minimum(at, limit)
        for offset in range(0, len(literal), WORD):
            part = literal[offset : offset + WORD]
            mask = np.uint64((1 << 8 * len(part)) - 1)
            found &= (self.words[at + offset] & mask) == np.uint64(int.from_bytes(part, "little"))
        return found

    def first(self, byte: bytes, at: Ints) -> Ints:
        """Where the byte stands first at or after each position; the data's length where nowhere."""
        found = np.append(np.flatnonzero(self.codes == byte[0]), len(self.data))
        return found[np.searchsorted(found, at)]


def _masks(size: int) -> npt.NDArray[np.uint8]:
    """uint8[size + 1, size]: row ``n`` keeps the first n bytes."""
    return np.where(np.arange(size) < np.arange(size + 1)[:, None], 255, 0).astype(np.uint8)


_MASKS = {size: _masks(size).view("<u8") for size in PADDED}


def blocks(text: bytes, size: int) -> Iterator[Lines]:
    """The lines of a text in blocks that end with the first line that ends at or after ``size`` bytes; at least one."""
    start = 0
    while True:
        end = text.find(b"\n", start + size - 1) + 1 if start + size < len(text) else len(text)
        end = end or len(text)
        yield Lines(memoryview(text)[start:end])
        if end == len(text):
            return
        start = end


class Spans:
    """A column of raw values that lie in a text: value ``i`` is ``data[start[i]:end[i]]``."""

    __slots__ = ("end", "lines", "start")

    def __init__(self, lines: Lines, start: Ints, end: Ints) -> None:
        self.lines, self.start, self.end = lines, start, end

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, row: int) -> bytes:
        return self.lines.data[self.start[row] : self.end[row]]

    def __iter__(self) -> Iterator[bytes]:
        data = self.lines.data
        return (data[start:end] for start, end in self.bounds())

    def take(self, rows: Ints | Bools) -> Spans:
        return Spans(self.lines, self.start[rows], self.end[rows])

    def bounds(self) -> Iterator[tuple[int, int]]:
        return zip(self.start.tolist(), self.end.tolist(), strict=True)

    def padded(self, size: int) -> npt.NDArray[np.uint8]:
        """uint8[n, size]: the first bytes of each value, zeros behind its end. size: one of PADDED."""
        data, whole = self.lines.data, f"V{size}"
        # Gathered as one item each, many times faster than byte by byte.
        found = np.ndarray((len(data) - size + 1,), whole, data, strides=(1,))[self.start].view("<u8")
        kept = _MASKS[size].view(whole)[np.minimum(self.end - self.start, size), 0].view("<u8")
        return (found & kept).view(np.uint8).reshape(-1, size)

    def equal(self, literal: bytes) -> Bools:
        return (self.end - self.start == len(literal)) & self.lines.hold(literal, self.start)
