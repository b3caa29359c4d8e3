"""Lines -> Hits as columns. Plain numbers and times are decoded as whole columns; of all else each distinct raw value
is decoded once and remembered.

The steps, in the order in which a line can be refused: length, shape (the source), then each slot in the order
of ``SLOTS``, then the time against the clock. A line that is refused counts once, under its first reason.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from endpoint_stats.aggregate.fold import BOT, HEALTH, NO_DURATION, NORMAL, EndpointName, Hits, Ints
from endpoint_stats.routes.rules import Router, RouteRules

from .places import MAX_LINE
from .redact import sample
from .sources.base import REASONS, Reject, Rejected, Rows, Source, TargetValues
from .sources.lines import Lines, Spans, blocks
from .traffic import class_of_agent, is_health_path, may_be_health_path

SLOTS = ("time", "target", "status", "duration", "request_size", "response_size", "consumer", "version", "user_agent")
DEFAULTS = {"duration": NO_DURATION}
BLOCK = 1 << 20  # bytes of lines that are read at once: few enough to stay in the processor's cache
MISSING = b"-"  # what servers write for nothing: so often that it is not looked up line by line
MEMO_LIMIT = 400_000  # distinct raw values remembered for each slot
MAX_NAMES = 250_000  # endpoints, and consumers, past which all that is remembered is forgotten
MAX_SHAPES = 65_536  # paths without their numbers that are remembered
MAX_ROUTE = 2_000  # characters
MAX_SAMPLES = 5  # rejected lines kept for each reason and piece

_REASONS = tuple(REASONS)
# Codes below every value that a slot can have.
_FIRST_CODE = -1000
_UNKNOWN = _FIRST_CODE - len(_REASONS)
_CODES = {reason: _FIRST_CODE - place for place, reason in enumerate(_REASONS)}


class Memo:
    """raw value -> code, filled as values are met. Bounded: of at most ``MEMO_LIMIT`` values.

    Half of them are the newer generation. When it is full it becomes the older one, from which a value that is met
    again comes back; what was met in neither is forgotten. So values that come often stay.
    """

    def __init__(self, code: Callable[[Any], int]) -> None:
        self.code = code
        self.newer: dict[Any, int] = {}
        self.older: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self.newer) + len(self.older)

    def codes(self, column: Spans | Sequence[Any]) -> Ints:
        get = self.newer.get
        if isinstance(column, Spans):
            # One loop, so that each value is freed while the processor still has it at hand.
            data = column.lines.data
            found = [get(data[start:end], _UNKNOWN) for start, end in column.bounds()]
        else:
            found = [get(raw, _UNKNOWN) for raw in column]
        codes = np.fromiter(found, np.int64, len(found))
        unknown = np.flatnonzero(codes == _UNKNOWN)
        if len(unknown):
            # Together, since the way to a code is long: many go it faster one after another than each on its own.
            taken = column.take(unknown) if isinstance(column, Spans) else map(column.__getitem__, unknown.tolist())
            codes[unknown] = self._learn(taken)
        return codes

    def _learn(self, raws: Iterable[Any]) -> list[int]:
        codes = []
        for raw in raws:
            code = self.newer.get(raw)
            if code is None:
                code = self.older.get(raw)
                if code is None:
                    try:
                        code = self.code(raw)
                    except Reject as reject:
                        code = _CODES[reject.reason]
                if len(self.newer) >= MEMO_LIMIT // 2:
                    self.older, self.newer = self.newer, {}
                self.newer[raw] = code
            codes.append(code)
        return codes


class Names[Name]:
    """Names met so far, by position."""

    def __init__(self, *first: Name) -> None:
        self.listed: list[Name] = list(first)
        self.place: dict[Name, int] = {name: place for place, name in enumerate(first)}

    def code(self, name: Name) -> int:
        place = self.place.setdefault(name, len(self.listed))
        if place == len(self.listed):
            self.listed.append(name)
        return place


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
        self.memos = {
            slot: Memo(self._coder(slot, decode)) for slot, decode in self.source.slots.items() if slot in SLOTS
        }

    def _coder(self, slot: str, decode: Callable[[Any], Any]) -> Callable[[Any], int]:
        if slot == "target":
            return self._target_coder(decode)
        if slot == "duration":
            return lambda raw: NO_DURATION if (duration := decode(raw)) is None else duration
        if slot == "consumer":
            return lambda raw: self.consumers.code(decode(raw))
        if slot == "version":
            return lambda raw: self.versions.code(decode(raw))
        if slot == "user_agent":
            return lambda raw: class_of_agent(decode(raw))
        return decode

    def _target_coder(self, decode: Callable[[Any], TargetValues]) -> Callable[[Any], int]:
        """Coder of endpoints: ``_endpoint``, plus one where the very path is one of health checks.

        One function with all that it needs at hand, since it is called for every distinct request line of a log.
        """
        shape_of = self.router.shape
        known: dict[tuple[str, str], int] = {}  # method and shape of a path -> code, plus one where it may be of health

        def code_of(raw: Any) -> int:
            method, path, own_route, service = decode(raw)
            if own_route or service:
                code = self._endpoint(service or self.service, method, path, own_route)
                return code + is_health_path(path or own_route)
            key = method, shape_of(path)
            code_or_more = known.get(key)
            if code_or_more is None:
                if len(known) >= MAX_SHAPES:
                    known.clear()
                code_or_more = known[key] = self._endpoint(self.service, method, path) + may_be_health_path(path)
            if code_or_more & 1 and not is_health_path(path):
                return code_or_more - 1
            return code_or_more

        return code_of

    def _endpoint(self, service: str, method: str, path: str, own_route: str = "") -> int:
        """The endpoint's place times four; plus two where the route was named explicitly."""
        route, explicit = self.router.route(service, method, path, own_route)
        if len(route) > MAX_ROUTE:  # placeholders may be longer than what they stand for
            route = route[: MAX_ROUTE - 1] + "…"
        return self.endpoints.code(EndpointName(service, method, route)) * 4 + explicit * 2

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
        columns[0][columns[0] > self.latest] = _CODES["time_future"]
        too_long = lines.lengths > MAX_LINE
        columns[0][too_long[rows.index]] = _CODES["line_too_long"]
        reason = np.zeros(len(rows.index), np.int64)
        for column in columns[::-1]:
            np.copyto(reason, column, where=column <= _FIRST_CODE)
        refused = [(line, "line_too_long" if too_long[line] else why) for line, why in rejected]
        bad = np.flatnonzero(reason)
        if len(bad):
            reasons = (_REASONS[_FIRST_CODE - code] for code in reason[bad].tolist())
            refused += zip(rows.index[bad].tolist(), reasons, strict=True)
            columns = [column[reason == 0] for column in columns]
        return columns, refused

    def _codes(self, slot: str, rows: Rows) -> Ints:
        """One column, codes of refusal among the values."""
        size = len(rows.index)
        if slot not in self.memos:
            return np.full(size, DEFAULTS.get(slot, 0), np.int64)
        memo, column = self.memos[slot], rows.columns[slot]
        if not isinstance(column, Spans):
            return memo.codes(column)
        decode = self.source.columns.get(slot)
        if decode is None:
            codes, known = np.zeros(size, np.int64), np.zeros(size, bool)
        else:
            codes, known = decode(column)
            if known.all():
                return codes
        missing = ~known & column.equal(MISSING)
        if missing.any():
            codes[missing] = memo.codes([MISSING])
            known |= missing
        others = np.flatnonzero(~known)
        codes[others] = memo.codes(column.take(others))
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
