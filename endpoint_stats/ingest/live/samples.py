"""Which requests of a commit are worth keeping as examples: the slowest and the failing of each endpoint and minute."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np

from endpoint_stats.aggregate.fold import Coded, Hits, Ints
from endpoint_stats.aggregate.receipts import KEPT_CLIENT_ERRORS, KEPT_ERRORS, KEPT_SLOW
from endpoint_stats.ingest.sources.base import Reject
from endpoint_stats.ingest.sources.targets import normal_path
from endpoint_stats.ingest.sources.values import without_controls
from endpoint_stats.routes.lexical import without_secrets

MAX_PATH = 500
REMEMBERED = 20_000  # endpoints and minutes of which it is known what was kept

_KEPT = {0: KEPT_SLOW, 4: KEPT_CLIENT_ERRORS, 5: KEPT_ERRORS}


class Request(NamedTuple):
    """What a sample shows besides the columns of a hit. ``path`` may have a query."""

    path: str = ""
    consumer: str = ""
    version: str = ""
    trace_id: str = ""


class Candidate(NamedTuple):
    """What of a hit says whether it is kept; as ``Hits`` has it."""

    seconds: int
    endpoint: int
    status: int
    duration: int


def candidates(hits: Hits | Sequence[Coded]) -> Iterator[tuple[int, int, Candidate]]:
    """(row, kind, hit) of those that may be kept: kind 0 for the slowest, 4 and 5 for the first that failed so."""
    if isinstance(hits, Hits):
        yield from _candidates_of_columns(hits)
        return
    for row, hit in enumerate(hits):
        found = Candidate(hit.seconds, hit.endpoint, hit.status, hit.duration)
        if hit.duration >= 0:
            yield row, 0, found
        if hit.status >= 400:
            yield row, 5 if hit.status >= 500 else 4, found


def _candidates_of_columns(hits: Hits) -> Iterator[tuple[int, int, Candidate]]:
    key = hits.seconds // 60 * (int(hits.endpoint.max(initial=0)) + 1) + hits.endpoint
    for kind, rows in (
        (0, np.flatnonzero(hits.duration >= 0)),
        (4, np.flatnonzero((hits.status >= 400) & (hits.status < 500))),
        (5, np.flatnonzero(hits.status >= 500)),
    ):
        if not len(rows):
            continue
        order = np.lexsort((-hits.duration[rows], key[rows])) if kind == 0 else np.argsort(key[rows], kind="stable")
        chosen = _first_of_each(rows[order], key, _KEPT[kind])
        columns = [getattr(hits, name)[chosen].tolist() for name in Candidate._fields]
        for row, hit in zip(chosen.tolist(), map(Candidate, *columns), strict=True):
            yield row, kind, hit


def _first_of_each(rows: Ints, key: Ints, most: int) -> Ints:
    """The first ``most`` rows of each run of equal keys."""
    keys = key[rows]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    within = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
    return rows[within < most]


class Kept:
    """What this process sent along already: an endpoint's minute has a few examples, not one with every commit."""

    def __init__(self) -> None:
        self._slowest: dict[tuple[int, int], list[int]] = {}
        self._failed: dict[tuple[int, int, int], int] = {}

    def may_want(self, minute: int, endpoint: int, kind: int, duration: int) -> bool:
        """Whether the request would be kept beside those before it."""
        if kind:
            return self._failed.get((minute, endpoint, kind), 0) < _KEPT[kind]
        best = self._slowest.get((minute, endpoint), [])
        return len(best) < KEPT_SLOW or duration > best[-1]

    def wants(self, minute: int, endpoint: int, kind: int, duration: int) -> bool:
        """The same; and if so, it is one of them from now on."""
        if not self.may_want(minute, endpoint, kind, duration):
            return False
        if kind:
            seen = self._failed.get((minute, endpoint, kind), 0)
            if len(self._failed) >= REMEMBERED:
                self._failed.clear()
            self._failed[minute, endpoint, kind] = seen + 1
            return True
        best = self._slowest.get((minute, endpoint), [])
        if len(self._slowest) >= REMEMBERED:
            self._slowest.clear()
        self._slowest[minute, endpoint] = sorted([*best, duration], reverse=True)[:KEPT_SLOW]
        return True


_PARAMETER = re.compile(r"[^&;]+")


def shown_path(path: str, parameters: Iterable[str]) -> str:
    """A path as a sample may show it: secrets replaced, of its query only ``parameters``, printable, MAX_PATH long."""
    query = path.partition("#")[0].partition("?")[2]
    try:
        shown = without_secrets(normal_path(path))
    except Reject:  # a route in its place
        shown = ""
    allowed = set(parameters)
    kept = [pair for pair in _PARAMETER.findall(query) if unquote(pair.partition("=")[0]) in allowed]
    if kept:
        shown = f"{shown}?{'&'.join(kept)}"
    shown = without_controls(shown)
    return shown if len(shown) <= MAX_PATH else shown[: MAX_PATH - 1] + "…"
