"""Lines -> Hits as columns. Plain numbers and times are decoded as whole columns; of all else each distinct raw value
is decoded once and remembered.

The steps, in the order in which a line can be refused: length, shape (the source), then each slot in the order
of ``SLOTS``, then the time against the clock. A line that is refused counts once, under its first reason.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from endpoint_stats.aggregate.fold import BOT, HEALTH, NO_DURATION, NORMAL, EndpointName, Hits, Ints
from endpoint_stats.routes.rules import Router, RouteRules

from .coders import CODES, FIRST_CODE, Names, TargetCoder, reason_of, refusing
from .memo import Memo, SpanMemo
from .places import MAX_LINE
from .redact import sample
from .sources.base import Rejected, Rows, Source
from .sources.lines import Lines, Spans, blocks
from .traffic import class_of_agent

SLOTS = ("time", "target", "status", "duration", "request_size", "response_size", "consumer", "version", "user_agent")
DEFAULTS = {"duration": NO_DURATION}
MISSING = b"-"  # what servers write for nothing: so often that it is looked up once for all lines
BLOCK = 1 << 20  # bytes of lines that are read at once: few enough to stay in the processor's cache
MAX_NAMES = 150_000  # endpoints, and consumers, past which all that is remembered is forgotten
MAX_SAMPLES = 5  # rejected lines kept for each reason and piece


@dataclass(slots=True)
class Refusals:
    """What is refused of a piece, block after block: numbers by reason, and the first few lines of each reason."""

    lines: int = 0  # of the blocks so far
    rejected: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, refused: list[Rejected], lines: Lines) -> None:
        for line, reason in sorted(refused):
            self.rejected[reason] += 1
            if self.rejected[reason] <= MAX_SAMPLES and reason != "line_empty":
                self.samples.append({"line": self.lines + line, "reason": reason, "text": sample(lines[line])})
        self.lines += len(lines)


@dataclass(slots=True)
class Encoded:
    """``hits`` in the order of their lines, the number of lines, and what was refused of them: see ``Refusals``."""

    hits: Hits
    lines: int
    rejected: Counter[str]
    samples: list[dict[str, Any]]


class Encoder:
    """Encodes the lines of one source under one project's rules; one for each process."""

    def __init__(self, source: Source, rules: RouteRules, service: str, latest: int) -> None:
        """``latest``: epoch seconds past which a hit is refused as ``time_future``."""
        self.source, self.service, self.latest = source, service, latest
        self.router = Router(rules)
        self._restart()

    def _restart(self) -> None:
        """Forget every name and memo, so that memory stays flat however many distinct paths a log holds."""
        self.endpoints: Names[EndpointName] = Names()
        self.versions: Names[str] = Names("")
        self.releases: Names[tuple[str, str]] = Names(("", ""))
        self.consumers: Names[str] = Names("")
        self.memos: dict[str, tuple[SpanMemo, Memo]] = {}
        for slot, decode in self.source.slots.items():
            if slot in SLOTS:
                self.memos[slot] = self._memos(slot, decode)

    def _memos(self, slot: str, decode: Callable[[Any], Any]) -> tuple[SpanMemo, Memo]:
        """What remembers a slot's values: those that lie in the text, and those that are objects."""
        if slot == "target":
            target = TargetCoder(decode, self.router, self.service, self.endpoints)
            return SpanMemo(target.code, target.codes, width=128), Memo(target.code)
        code = refusing(self._coder(slot, decode))
        return SpanMemo(code), Memo(code)

    def _coder(self, slot: str, decode: Callable[[Any], Any]) -> Callable[[Any], int]:
        if slot == "duration":
            return lambda raw: NO_DURATION if (duration := decode(raw)) is None else duration
        if slot == "consumer":
            return lambda raw: self.consumers.code(decode(raw))
        if slot == "version":
            return lambda raw: self.versions.code(decode(raw))
        if slot == "user_agent":
            return lambda raw: class_of_agent(decode(raw))
        return decode

    def encode(self, text: bytes) -> Encoded:
        """All lines of a piece. Every line becomes a hit or is counted in ``rejected``."""
        if len(self.endpoints.listed) > MAX_NAMES or len(self.consumers.listed) > MAX_NAMES:
            self._restart()
        parts: list[list[Ints]] = []
        refusals = Refusals()
        for lines in blocks(text, BLOCK):
            columns, refused = self._encode_block(lines)
            parts.append(columns)
            refusals.add(refused, lines)
        hits = self._hits([np.concatenate(column) for column in zip(*parts, strict=True)])
        return Encoded(hits, refusals.lines, refusals.rejected, refusals.samples)

    def _encode_block(self, lines: Lines) -> tuple[list[Ints], list[Rejected]]:
        """One column a slot of the lines that are hits; and the others."""
        rows, rejected = self.source.read(lines)
        columns = [self._codes(slot, rows) for slot in SLOTS]
        columns[0][columns[0] > self.latest] = CODES["time_future"]
        too_long = lines.lengths > MAX_LINE
        columns[0][too_long[rows.index]] = CODES["line_too_long"]
        reason = np.zeros(len(rows.index), np.int64)
        for column in columns[::-1]:
            np.copyto(reason, column, where=column <= FIRST_CODE)
        refused = [(line, "line_too_long" if too_long[line] else why) for line, why in rejected]
        bad = np.flatnonzero(reason)
        if len(bad):
            refused += zip(rows.index[bad].tolist(), map(reason_of, reason[bad].tolist()), strict=True)
            columns = [column[reason == 0] for column in columns]
        return columns, refused

    def _codes(self, slot: str, rows: Rows) -> Ints:
        """One column, codes of refusal among the values."""
        size = len(rows.index)
        if slot not in self.memos:
            return np.full(size, DEFAULTS.get(slot, 0), np.int64)
        (memo, objects), column = self.memos[slot], rows.columns[slot]
        if not isinstance(column, Spans):
            return objects.codes(column)
        decode = self.source.columns.get(slot)
        if decode is None:
            codes, known = np.zeros(size, np.int64), np.zeros(size, bool)
        else:
            codes, known = decode(column)
            if known.all():
                return codes
        missing = column.equal(MISSING)
        if missing.any():
            np.copyto(codes, objects.codes([MISSING]), where=missing & ~known)
            known |= missing
        others = np.flatnonzero(~known)
        if not len(others):
            return codes
        codes[others] = memo.codes(column if len(others) == size else column.take(others))
        return codes

    def _hits(self, columns: list[Ints]) -> Hits:
        time, target, status, duration, request, response, consumer, version, agent = columns
        release = self._releases(target >> 2, version)
        health = (target & 1).astype(bool) | (agent == HEALTH)
        traffic = np.where(health, HEALTH, np.where(agent == BOT, BOT, NORMAL))
        return Hits(
            time, target >> 2, status, duration, request, response, release, consumer, traffic, (target >> 1) & 1
        )

    def _releases(self, endpoint: Ints, version: Ints) -> Ints:
        """A release is a version of the service that the hit names, not of the log's."""
        if not version.any():
            return version
        pairs, index = np.unique(endpoint * len(self.versions.listed) + version, return_inverse=True)
        codes = [self._release(*divmod(pair, len(self.versions.listed))) for pair in pairs.tolist()]
        return np.array(codes, np.int64)[index]

    def _release(self, endpoint: int, version: int) -> int:
        return (
            self.releases.code((self.endpoints.listed[endpoint].service, self.versions.listed[version]))
            if version
            else 0
        )
