"""Lines -> Hits as columns. Plain numbers and times are decoded as whole columns; of all else each distinct raw value
is decoded once and remembered.

The steps, in the order in which a line can be refused: length, shape (the source), then each slot in the order
of ``SLOTS``, then the time against the clock. A line that is refused counts once, under its first reason.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from endpoint_stats.aggregate.fold import BOT, HEALTH, NO_DURATION, NORMAL, Coded, Hits, Ints
from endpoint_stats.routes.rules import Router, RouteRules

from .coders import CODES, FIRST_CODE, NameLists, ObservedTargets, TargetCoder, reason_of, refusing
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
    """``hits`` in the order of their lines, the number of lines, and what was refused of them: see ``Refusals``.

    index: int64, the line of each hit
    """

    hits: Hits
    index: Ints
    lines: int
    rejected: Counter[str]
    samples: list[dict[str, Any]]


class Encoder:
    """Encodes the lines of one source under one project's rules; one for each process."""

    def __init__(
        self,
        source: Source,
        rules: RouteRules,
        service: str,
        latest: int,
        earliest: int = 0,
        remember: int | None = None,
    ) -> None:
        """Epoch seconds past which a hit is refused as ``time_future``, and before which as ``time_too_old``.

        remember: distinct values of a slot (default memo.MEMO_LIMIT)
        """
        self.remember = remember
        self.source, self.service, self.latest, self.earliest = source, service, latest, earliest
        self.router = Router(rules)
        self._restart()

    def _restart(self) -> None:
        """Forget every name and memo, so that memory stays flat however many distinct paths a log holds."""
        self.names = NameLists()
        self.memos: dict[str, tuple[SpanMemo, Memo | ObservedTargets]] = {}
        for slot, decode in self.source.slots.items():
            if slot in SLOTS:
                self.memos[slot] = self._memos(slot, decode)

    def _memos(self, slot: str, decode: Callable[[Any], Any]) -> tuple[SpanMemo, Memo | ObservedTargets]:
        """What remembers a slot's values: those that lie in the text, and those that are objects."""
        if slot == "target":
            target = TargetCoder(decode, self.router, self.service, self.names.endpoints)
            return SpanMemo(target.code, target.codes, 128, self.remember), ObservedTargets(target, self.remember)
        code = refusing(self._coder(slot, decode))
        return SpanMemo(code, limit=self.remember), Memo(code, self.remember)

    def _coder(self, slot: str, decode: Callable[[Any], Any]) -> Callable[[Any], int]:
        if slot == "duration":
            return lambda raw: NO_DURATION if (duration := decode(raw)) is None else duration
        if slot == "consumer":
            return lambda raw: self.names.consumers.code(decode(raw))
        if slot == "version":
            return lambda raw: self.names.versions.code(decode(raw))
        if slot == "user_agent":
            return lambda raw: class_of_agent(decode(raw), self.router.rules.bots)
        return decode

    def encode(self, text: bytes) -> Encoded:
        """All lines of a piece. Every line becomes a hit or is counted in ``rejected``."""
        self._forget_when_full()
        parts: list[list[Ints]] = []
        refusals = Refusals()
        for lines in blocks(text, BLOCK):
            rows, rejected = self.source.read(lines)
            too_long = lines.lengths > MAX_LINE
            columns, refused = self._encode_rows(rows, too_long)
            refused += [(line, "line_too_long" if too_long[line] else why) for line, why in rejected]
            parts.append([*columns[:-1], columns[-1] + refusals.lines])
            refusals.add(refused, lines)
        *columns, index = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return Encoded(self._hits(columns), index, refusals.lines, refusals.rejected, refusals.samples)

    def encode_rows(self, rows: Rows) -> tuple[Hits, Ints, list[Rejected]]:
        """Rows that were read already: those that are hits, their places, and the others."""
        self._forget_when_full()
        (*columns, index), refused = self._encode_rows(rows, np.zeros(0, bool))
        return self._hits(columns), index, refused

    def encode_few(self, rows: Rows) -> tuple[list[Coded], list[int], list[Rejected]]:
        """As ``encode_rows``, one row after another: of a few rows that takes a tenth of the time."""
        self._forget_when_full()
        columns = [self._few(slot, rows) for slot in SLOTS]
        coded: list[Coded] = []
        places: list[int] = []
        refused: list[Rejected] = []
        for place, (time, *others) in zip(rows.index.tolist(), zip(*columns, strict=True), strict=True):
            if time > self.latest:
                time = CODES["time_future"]
            elif FIRST_CODE < time < self.earliest:
                time = CODES["time_too_old"]
            bad = next((code for code in (time, *others) if code <= FIRST_CODE), 0)
            if bad:
                refused.append((place, reason_of(bad)))
                continue
            coded.append(self._coded(time, *others))
            places.append(place)
        return coded, places, refused

    def _few(self, slot: str, rows: Rows) -> list[int]:
        """One column of what came as objects."""
        if slot not in self.memos:
            return [DEFAULTS.get(slot, 0)] * len(rows.index)
        memo, column = self.memos[slot][1], list(rows.columns[slot])
        if slot in self.source.arrays and isinstance(memo, Memo):
            return [memo.code(raw) for raw in column]  # numbers that hardly come again
        return memo.listed(column)

    def _coded(
        self, time: int, target: int, status: int, duration: int, request: int, response: int, consumer: int,
        version: int, agent: int,
    ) -> Coded:  # fmt: skip
        endpoint = target >> 2
        traffic = HEALTH if target & 1 or agent == HEALTH else BOT if agent == BOT else NORMAL
        release = self._release(endpoint, version)
        return Coded(time, endpoint, status, duration, request, response, release, consumer, traffic, (target >> 1) & 1)

    def _forget_when_full(self) -> None:
        if len(self.names.endpoints.listed) > MAX_NAMES or len(self.names.consumers.listed) > MAX_NAMES:
            self._restart()

    def _encode_rows(self, rows: Rows, too_long: npt.NDArray[np.bool_]) -> tuple[list[Ints], list[Rejected]]:
        """One column a slot of the lines that are hits, and one of their places; and the others.

        too_long: by line, whether it is longer than the limit
        """
        columns = [self._codes(slot, rows) for slot in SLOTS]
        time = columns[0]
        time[time > self.latest] = CODES["time_future"]
        time[(time < self.earliest) & (time > FIRST_CODE)] = CODES["time_too_old"]
        if too_long.any():
            time[too_long[rows.index]] = CODES["line_too_long"]
        columns.append(rows.index)
        reason = np.zeros(len(rows.index), np.int64)
        for column in columns[-2::-1]:
            np.copyto(reason, column, where=column <= FIRST_CODE)
        bad = np.flatnonzero(reason)
        if not len(bad):
            return columns, []
        refused = list(zip(rows.index[bad].tolist(), map(reason_of, reason[bad].tolist()), strict=True))
        return [column[reason == 0] for column in columns], refused

    def _codes(self, slot: str, rows: Rows) -> Ints:
        """One column, codes of refusal among the values."""
        size = len(rows.index)
        if slot not in self.memos:
            return np.full(size, DEFAULTS.get(slot, 0), np.int64)
        (memo, objects), column = self.memos[slot], rows.columns[slot]
        if not isinstance(column, Spans):
            return self._codes_of_objects(slot, objects, column)
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

    def _codes_of_objects(self, slot: str, memo: Memo | ObservedTargets, column: Sequence[Any]) -> Ints:
        decode = self.source.arrays.get(slot)
        if decode is None:
            return memo.codes(column)
        codes, known = decode(column)
        others = np.flatnonzero(~known)
        if len(others):
            codes[others] = memo.codes([column[place] for place in others.tolist()])
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
        service = self.names.service_of()[endpoint]
        pairs, index = np.unique(service * len(self.names.versions.listed) + version, return_inverse=True)
        services, versions = self.names.services.listed, self.names.versions.listed
        found = [divmod(pair, len(versions)) for pair in pairs.tolist()]
        codes = [self.names.releases.code((services[at], versions[of])) if of else 0 for at, of in found]
        return np.array(codes, np.int64)[index]

    def _release(self, endpoint: int, version: int) -> int:
        return (
            self.names.releases.code(
                (self.names.endpoints.listed[endpoint].service, self.names.versions.listed[version])
            )
            if version
            else 0
        )
