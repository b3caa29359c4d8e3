"""Identity of imported lines: by place in a stream, never by text (docs/identity.md). Pure Python.

A *stream* is what a file says once decompressed. A *mark* is the end of a line at which the digest of
everything before is noted: each line's end within the first ``GRID`` bytes, then the first line's end at or
after each multiple of ``GRID``. Where the marks are depends on nothing but the bytes before them, so two files
that begin alike have the same marks and the same *nodes* (digest of the stream up to there) as far as they
are alike. A node names a place: "after exactly these bytes".
"""

import zlib
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate
from typing import NamedTuple

import numpy as np

GRID = 16 * 1024
MAX_LINE = 1 << 20
# A digest covers at most this much of the bytes between two marks, so that a line of a gigabyte need not be
# held: what lies between two marks is one line longer than GRID at most.
DIGEST_LIMIT = MAX_LINE + 2 * GRID

MARK = np.dtype([("end", "<i8"), ("node", "<i8"), ("next", "<u4")])


class Mark(NamedTuple):
    """A line's end (offset in the stream), the digest of the bytes since the mark before, the next line's CRC."""

    end: int
    digest: bytes
    next_line: int


def line_crc(data: bytes, start: int) -> int:
    """CRC-32 of the line that begins at ``start``, its newline included; 0 where it does not end in ``data``."""
    end = data.find(b"\n", start)
    return 0 if end < 0 else zlib.crc32(memoryview(data)[start : end + 1])


def mark_ends(data: bytes, offset: int, end: int) -> list[int]:
    """Offsets of the marks in ``(offset, end]``. ``data`` holds the stream from ``offset`` (a line's start) on.

    ``end`` lies past the data where a very long line was cut short; that line's end is then a mark too.
    """
    ends: list[int] = []
    position = 0
    while offset + position < GRID:
        found = data.find(b"\n", position)
        if found < 0 or offset + found + 1 > GRID:
            break
        position = found + 1
        ends.append(offset + position)
    # The last line's end or start before: from there the grid decides.
    cell = max(offset // GRID + 1, 1)
    while cell * GRID <= end:
        found = data.find(b"\n", cell * GRID - 1 - offset)
        mark = end if found < 0 else offset + found + 1
        if found < 0 and offset + len(data) == end:
            break  # the last line is not complete: no mark
        if not ends or mark > ends[-1]:
            ends.append(mark)
        cell = mark // GRID + 1
    return ends


def digest_marks(data: bytes, offset: int, end: int, lead: bytes = b"") -> tuple[list[Mark], bytes]:
    """The marks of a piece, and the bytes after the last one (the next piece's ``lead``).

    ``lead``: what lies between the last mark before the piece and the piece.
    """
    marks: list[Mark] = []
    view = memoryview(data)
    start = 0
    for mark in mark_ends(data, offset, end):
        stop = min(mark - offset, len(data))
        state = sha256(lead[:DIGEST_LIMIT])
        state.update(view[start : min(stop, start + DIGEST_LIMIT - len(lead))])
        marks.append(Mark(mark, state.digest(), line_crc(data, stop)))
        lead, start = b"", stop
    return marks, (lead + bytes(view[start : start + DIGEST_LIMIT]))[:DIGEST_LIMIT]


def short(node: bytes) -> int:
    return int.from_bytes(node[:8], "little", signed=True)


@dataclass(slots=True)
class Chain:
    """Where a reader of a stream stands: the node of the last mark, and the bytes since."""

    node: bytes = sha256(b"stream").digest()
    lead: bytes = b""

    def node_after(self, more: bytes = b"") -> bytes:
        """The node of the place ``len(more)`` bytes further on (no mark between)."""
        rest = (self.lead + more)[:DIGEST_LIMIT]
        return sha256(self.node + sha256(rest).digest()).digest() if rest else self.node

    def advance(self, marks: list[Mark], lead: bytes) -> list[tuple[int, int, int]]:
        """Move over a piece; its marks as (offset, short node, next line's CRC)."""
        nodes = []
        for mark in marks:
            self.node = sha256(self.node + mark.digest).digest()
            nodes.append((mark.end, short(self.node), mark.next_line))
        self.lead = lead
        return nodes


@dataclass(frozen=True, slots=True)
class Stretch:
    """A committed stretch of a stream: ``[start, end)``, and nodes at its start, at marks and at its end."""

    start: int
    end: int
    end_node: int
    marks: bytes = b""

    def nodes(self) -> dict[int, int]:
        noted = np.frombuffer(self.marks, MARK)
        return {**dict(zip(noted["end"].tolist(), noted["node"].tolist(), strict=True)), self.end: self.end_node}

    def next_line(self, place: int) -> int:
        """CRC of the line that follows ``place``, 0 where it is not noted."""
        noted = np.frombuffer(self.marks, MARK)
        found = noted["next"][noted["end"] == place]
        # Noted twice where one piece ended and the next began: at the end nothing followed yet.
        return int(found.max()) if len(found) else 0


def pack_marks(start: int, start_node: int, first_line: int, nodes: list[tuple[int, int, int]]) -> bytes:
    return np.array([(start, start_node, first_line), *nodes], MARK).tobytes()


@dataclass(slots=True)
class Known:
    """The committed stretches of one stream, asked piece by piece: has this been counted?"""

    stretches: list[Stretch]
    short_tail: int = 0  # where the whole lines of a shorter copy ended, if they were taken for the same
    ends: list[int] = field(init=False)
    limit: int = field(init=False)
    starts: list[int] = field(init=False)
    reach: list[int] = field(init=False)  # the furthest end of the stretches up to each, in order of their starts

    def __post_init__(self) -> None:
        self.ends = sorted({place for s in self.stretches for place in (s.start, s.end)})
        self.limit = max(self.ends, default=0)
        self.stretches = sorted(self.stretches, key=lambda stretch: stretch.start)
        self.starts = [stretch.start for stretch in self.stretches]
        self.reach = list(accumulate((stretch.end for stretch in self.stretches), max))

    def next_cut(self, offset: int, at_most: int) -> int:
        """Where a piece that starts at ``offset`` should stop, so that it lies within one stretch or none."""
        place = bisect_right(self.ends, offset)
        return min(self.ends[place], at_most) if place < len(self.ends) else at_most

    def counted_until(self, data: bytes, offset: int, chain: Chain, rest: int | None, end: int = 0) -> "Verdict":
        """How far the piece (whole lines from ``offset`` on) was counted before.

        ``rest``: bytes of the stream behind it where no whole line follows, else None. ``end``: where it ends, if that
        is past the data, which a very long last line cut short.
        """
        end = end or offset + len(data)
        if offset and offset == self.short_tail and not data.endswith(b"\n"):
            return Verdict(end, 0)  # the last line of a shorter copy, cut off
        best, wanted = offset, []
        place = bisect_right(self.starts, offset)
        while place and self.reach[place - 1] > offset:
            place -= 1
            if self.stretches[place].end > offset:
                verdict = _compare(self.stretches[place], data, (offset, end), chain, rest)
                best = max(best, verdict.until)
                wanted.append(verdict.read_on)
                if verdict.short_tail:
                    self.short_tail = end
        more = min(filter(None, wanted), default=0)
        # Also past the last whole line: what follows may be the end of a line that a stretch has as well.
        return Verdict(best, 0 if best == end else more)


class Verdict(NamedTuple):
    """until: an offset, the end of a line or of the piece, up to which lines were counted before.

    read_on: where that is not the whole piece, and a stretch has its next node only after the piece: the offset
    to read up to before the rest can be judged, else 0.
    """

    until: int
    read_on: int
    short_tail: bool = False


def _compare(stretch: Stretch, data: bytes, piece: tuple[int, int], chain: Chain, rest: int | None) -> Verdict:
    """What one stretch says of a piece (start, end) that begins inside it."""
    offset, end = piece
    nodes = stretch.nodes()
    if offset in nodes and nodes[offset] != short(chain.node_after()):
        return Verdict(offset, 0)
    reached = _deepest(nodes, data, piece, chain)
    if reached == offset and offset not in nodes:
        return Verdict(offset, min((place for place in nodes if place > end), default=0))
    if reached > offset and data[reached - offset - 1 : reached - offset] != b"\n":
        # The stretch ended in the middle of this line: its end had not been written. It was counted.
        found = data.find(b"\n", reached - offset)
        return Verdict(end if found < 0 else offset + found + 1, 0)
    following = min((place for place in nodes if place > reached), default=0)
    unknown = data[reached - offset :]
    if not unknown or following <= end:
        return Verdict(reached, 0)
    if rest is None or end + rest >= following:
        return Verdict(reached, following)
    if b"\n" not in unknown:
        # A copy that was cut off in the middle of a line that goes on here. Only where something came before.
        return Verdict(end if reached else 0, 0)
    if stretch.next_line(reached) == line_crc(unknown, 0):
        # A shorter copy ends before the next node, and goes on as the stretch does: the same lines.
        return Verdict(end, 0, short_tail=True)
    return Verdict(reached, 0)


def _deepest(nodes: dict[int, int], data: bytes, piece: tuple[int, int], chain: Chain) -> int:
    """The last place in the piece at which the stream has the stretch's node; ``offset`` where it has none."""
    walk = Chain(chain.node, chain.lead)
    offset, end = piece
    marks, _ = digest_marks(data, offset, end, chain.lead)
    mark_nodes = {place: node for place, node, _ in walk.advance(marks, b"")}
    ends = [mark.end for mark in marks]
    for place in sorted((place for place in nodes if offset < place <= end), reverse=True):
        node = mark_nodes.get(place)
        if node is None:
            before = bisect_left(ends, place)
            here = Chain(chain.node, chain.lead)
            here.advance(marks[:before], b"" if before else chain.lead)
            start = (ends[before - 1] if before else offset) - offset
            node = short(here.node_after(data[start : place - offset]))
        if node == nodes[place]:
            return place
    return offset
