"""Lines -> Hits as columns: each distinct raw value is decoded once and remembered.

The steps, in the order in which a line can be refused: length, shape (the source), then each slot in the order
of ``SLOTS``, then the time against the clock. A line that is refused counts once, under its first reason.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from endpoint_stats.aggregate.fold import BOT, HEALTH, NO_DURATION, NORMAL, EndpointName, Hits, Ints
from endpoint_stats.routes.rules import Router, RouteRules

from .places import MAX_LINE
from .redact import sample
from .sources.base import REASONS, Reject, Rows, Source, Target
from .traffic import class_of_agent, is_health_path

SLOTS = ("time", "target", "status", "duration", "request_size", "response_size", "consumer", "version", "user_agent")
DEFAULTS = {"duration": NO_DURATION}
BLOCK = 4096  # lines split at once: few enough to stay in the processor's cache
MEMO_LIMIT = 250_000  # distinct raw values remembered for each slot
MAX_ROUTE = 2_000  # characters
MAX_SAMPLES = 5  # rejected lines kept for each reason and piece

_REASONS = tuple(REASONS)
# Codes below every value that a slot can have.
_FIRST_CODE = -1000
_CODES = {reason: _FIRST_CODE - place for place, reason in enumerate(_REASONS)}


class Memo(dict[Any, int]):
    """raw value -> code, filled as values are met. Bounded: past ``MEMO_LIMIT`` it starts again."""

    def __init__(self, code: Callable[[Any], int]) -> None:
        super().__init__()
        self.code = code

    def __missing__(self, raw: Any) -> int:
        try:
            code = self.code(raw)
        except Reject as reject:
            code = _CODES[reject.reason]
        if len(self) >= MEMO_LIMIT:
            self.clear()
        self[raw] = code
        return code


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
class Encoded:
    """``hits`` in the order of their lines, and what was refused: numbers and a few redacted lines by reason."""

    hits: Hits
    rejected: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)


class Encoder:
    """Encodes the lines of one source under one project's rules; one for each process."""

    def __init__(self, source: Source, rules: RouteRules, service: str, latest: int) -> None:
        """``latest``: epoch seconds past which a hit is refused as ``time_future``."""
        self.source, self.service, self.latest = source, service, latest
        self.router = Router(rules)
        self.coders: dict[str, Callable[[Any], int]] = {
            "target": self._target,
            "duration": self._duration,
            "consumer": lambda name: self.consumers.code(name),
            "version": lambda version: self.versions.code(version),
            "user_agent": class_of_agent,
        }
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
        coder = self.coders.get(slot)
        return decode if coder is None else lambda raw: coder(decode(raw))

    def _target(self, target: Target) -> int:
        service = target.service or self.service
        route, explicit = self.router.route(service, target.method, target.path, target.route)
        if len(route) > MAX_ROUTE:  # placeholders may be longer than what they stand for
            route = route[: MAX_ROUTE - 1] + "…"
        code = self.endpoints.code(EndpointName(service, target.method, route))
        # Two facts of this path, not of its route, ride along in the lowest bits.
        return code * 4 + explicit * 2 + is_health_path(target.path or route)

    @staticmethod
    def _duration(nanoseconds: int | None) -> int:
        return NO_DURATION if nanoseconds is None else nanoseconds

    def encode(self, lines: list[bytes]) -> Encoded:
        """All lines of a piece. Every line becomes a hit or is counted in ``rejected``."""
        if len(self.endpoints.listed) > MEMO_LIMIT or len(self.consumers.listed) > MEMO_LIMIT:
            self._restart()
        parts: list[tuple[Ints, list[Ints]]] = []
        refused: list[tuple[int, str]] = []
        for start in range(0, len(lines), BLOCK):
            block = lines[start : start + BLOCK]
            if max(map(len, block)) > MAX_LINE:
                refused += [(start + at, "line_too_long") for at, line in enumerate(block) if len(line) > MAX_LINE]
                kept = [at for at, line in enumerate(block) if len(line) <= MAX_LINE]
                groups, rejects = self.source.split([block[at] for at in kept])
                rejects = [(kept[at], reason) for at, reason in rejects]
                for rows in groups:
                    rows.index = [kept[at] for at in rows.index]
            else:
                groups, rejects = self.source.split(block)
            refused += [(start + at, reason) for at, reason in rejects]
            parts += [self._rows(rows, start) for rows in groups if rows.index]
        return self._collect(parts, refused, lines)

    def _rows(self, rows: Rows, start: int) -> tuple[Ints, list[Ints]]:
        """Line numbers and one column a slot, codes of refusal among them."""
        size = len(rows.index)
        columns = []
        for slot in SLOTS:
            if slot in self.memos:
                known = map(self.memos[slot].__getitem__, rows.columns[slot])
                columns.append(np.fromiter(known, np.int64, size))
            else:
                columns.append(np.full(size, DEFAULTS.get(slot, 0), np.int64))
        return np.fromiter(rows.index, np.int64, size) + start, columns

    def _collect(
        self, parts: list[tuple[Ints, list[Ints]]], refused: list[tuple[int, str]], lines: list[bytes]
    ) -> Encoded:
        if parts:
            line = np.concatenate([part[0] for part in parts])
            columns = [np.concatenate(column) for column in zip(*(part[1] for part in parts), strict=True)]
        else:
            line, columns = np.zeros(0, np.int64), [np.zeros(0, np.int64) for _ in SLOTS]
        columns[0][columns[0] > self.latest] = _CODES["time_future"]
        worst = np.zeros(len(line), np.int64)
        for column in columns[::-1]:
            worst = np.where(column <= _FIRST_CODE, column, worst)
        good = worst == 0
        bad = np.flatnonzero(~good)
        refused += [(int(line[at]), _REASONS[_FIRST_CODE - int(worst[at])]) for at in bad]
        order = np.flatnonzero(good)
        if len(parts) > 1:
            order = order[np.argsort(line[order], kind="stable")]
        time, target, status, duration, request, response, consumer, version, agent = (
            column[order] for column in columns
        )
        release = self._releases(target >> 2, version)
        health = (target & 1).astype(bool) | (agent == HEALTH)
        traffic = np.where(health, HEALTH, np.where(agent == BOT, BOT, NORMAL))
        hits = Hits(
            time, target >> 2, status, duration, request, response, release, consumer, traffic, (target >> 1) & 1
        )
        return Encoded(hits, Counter(reason for _, reason in refused), _samples(refused, lines))

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


def _samples(refused: Iterable[tuple[int, str]], lines: list[bytes]) -> list[dict[str, Any]]:
    """The first few refused lines of each reason, by line."""
    seen: Counter[str] = Counter()
    samples = []
    for at, reason in sorted(refused):
        seen[reason] += 1
        if seen[reason] <= MAX_SAMPLES and reason != "line_empty":
            samples.append({"line": at, "reason": reason, "text": sample(lines[at])})
    return samples
