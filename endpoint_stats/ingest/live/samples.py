"""Which requests of a commit are worth keeping as examples: the slowest and the failing of each endpoint and minute."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np

from endpoint_stats.aggregate.fold import Coded, Hits, Ints
from endpoint_stats.aggregate.receipts import KEPT_CLIENT_ERRORS, KEPT_ERRORS, KEPT_SLOW
from endpoint_stats.ingest.coders import NameLists
from endpoint_stats.ingest.sources.base import Reject
from endpoint_stats.ingest.sources.targets import normal_path
from endpoint_stats.ingest.sources.values import without_controls
from endpoint_stats.routes.lexical import without_secrets

MAX_PATH = 500
REMEMBERED = 20_000  # endpoints and minutes of which it is known what was kept
FLOORS = 12  # minutes, times kinds, of which it is known for all endpoints at once
NOW = 3  # minutes that hits of now are of, at most
WANTS_ANY, WANTS_NONE = -2, 1 << 62

_KEPT = {0: KEPT_SLOW, 4: KEPT_CLIENT_ERRORS, 5: KEPT_ERRORS}


class Request(NamedTuple):
    """What a sample shows besides the columns of a hit. ``path`` may have a query."""

    path: str = ""
    consumer: str = ""
    version: str = ""
    trace_id: str = ""
    client_address: str = ""


class Candidate(NamedTuple):
    """What of a hit says whether it is kept; as ``Hits`` has it."""

    seconds: int
    endpoint: int
    status: int
    duration: int


Found = Iterator[tuple[int, int, Candidate]]


class Kept:
    """What this process sent along already: an endpoint's minute has a few examples, not one with every commit."""

    def __init__(self) -> None:
        self._slowest: dict[tuple[int, int], list[int]] = {}
        self._failed: dict[tuple[int, int, int], int] = {}
        # By the lists that codes belong to, minute and kind: for each endpoint's code what a duration must exceed.
        self._floors: OrderedDict[tuple[int, int, int], Ints] = OrderedDict()

    def candidates(self, hits: Hits | Sequence[Coded], names: NameLists) -> Found:
        """(row, kind, hit) of those that may be kept: kind 0 for the slowest, 4 and 5 for the first that failed so."""
        if isinstance(hits, Hits):
            if len(hits):
                yield from self._of_columns(hits, names)
            return
        for row, hit in enumerate(hits):
            found = Candidate(hit.seconds, hit.endpoint, hit.status, hit.duration)
            if hit.duration >= 0:
                yield row, 0, found
            if hit.status >= 400:
                yield row, 5 if hit.status >= 500 else 4, found

    def _of_columns(self, hits: Hits, names: NameLists) -> Found:
        minutes = hits.seconds // 60
        distinct = np.unique(minutes).tolist()
        key = (minutes - distinct[0]) * (int(hits.endpoint.max()) + 1) + hits.endpoint
        for kind, rows in (
            (0, np.flatnonzero(hits.duration >= 0)),
            (4, np.flatnonzero((hits.status >= 400) & (hits.status < 500))),
            (5, np.flatnonzero(hits.status >= 500)),
        ):
            # Of what happens now most is known not to be wanted by one comparison.
            for minute in distinct if len(distinct) <= NOW else ():
                rows = self._wanted(rows, hits, minutes, (names.number, minute, kind))
            yield from _first_of_each(rows, key, hits, kind)

    def _wanted(self, rows: Ints, hits: Hits, minutes: Ints, key: tuple[int, int, int]) -> Ints:
        """The rows without those of the key's minute that are known not to be wanted."""
        floors = self._floors.get(key)
        if floors is None:
            return rows
        endpoint = hits.endpoint[rows]
        known = endpoint < len(floors)
        above = hits.duration[rows] > floors[np.where(known, endpoint, 0)]
        return rows[~known | above | (minutes[rows] != key[1])]

    def note(self, names: NameLists, kind: int, hit: Candidate, endpoint: int) -> None:
        """Remember for ``candidates`` of columns what the endpoint (its key) wants of this minute from now on."""
        minute = hit.seconds // 60
        key = (names.number, minute, kind)
        floors = self._floors.get(key)
        if floors is None or len(floors) <= hit.endpoint:
            grown = np.full(max(len(names.endpoints.listed), hit.endpoint + 1), WANTS_ANY)
            if floors is not None:
                grown[: len(floors)] = floors
            floors = self._floors[key] = grown
            while len(self._floors) > FLOORS:
                self._floors.popitem(last=False)
        if kind:
            full = self._failed.get((minute, endpoint, kind), 0) >= _KEPT[kind]
            floors[hit.endpoint] = WANTS_NONE if full else WANTS_ANY
        else:
            best = self._slowest.get((minute, endpoint), [])
            floors[hit.endpoint] = best[-1] if len(best) >= KEPT_SLOW else WANTS_ANY

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


def _first_of_each(rows: Ints, key: Ints, hits: Hits, kind: int) -> Found:
    """Of rows the first few of each key: the slowest, or those that came first."""
    if not len(rows):
        return
    keys = key[rows]
    order = np.lexsort((-hits.duration[rows], keys)) if kind == 0 else np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    within = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
    chosen = rows[order][within < _KEPT[kind]]
    columns = [getattr(hits, name)[chosen].tolist() for name in Candidate._fields]
    for row, hit in zip(chosen.tolist(), map(Candidate, *columns), strict=True):
        yield row, kind, hit


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
