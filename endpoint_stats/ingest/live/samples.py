"""Which requests of a commit are worth keeping as examples: the slowest and the failing of each endpoint and minute."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np

from endpoint_stats.aggregate.fold import Hits, Ints
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


def candidates(hits: Hits) -> list[tuple[int, int]]:
    """(row, kind) of those that may be kept: kind 0 for the slowest, 4 and 5 for the first that failed so."""
    key = hits.seconds // 60 * (int(hits.endpoint.max(initial=0)) + 1) + hits.endpoint
    found: list[tuple[int, int]] = []
    for kind, rows in (
        (0, np.flatnonzero(hits.duration >= 0)),
        (4, np.flatnonzero((hits.status >= 400) & (hits.status < 500))),
        (5, np.flatnonzero(hits.status >= 500)),
    ):
        if len(rows):
            order = np.lexsort((-hits.duration[rows], key[rows])) if kind == 0 else np.argsort(key[rows], kind="stable")
            found += [(row, kind) for row in _first_of_each(rows[order], key, _KEPT[kind])]
    return found


def _first_of_each(rows: Ints, key: Ints, most: int) -> list[int]:
    """The first ``most`` rows of each run of equal keys."""
    keys = key[rows]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    within = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
    return rows[within < most].tolist()


class Kept:
    """What this process sent along already: an endpoint's minute has a few examples, not one with every commit."""

    def __init__(self) -> None:
        self._slowest: dict[tuple[int, int], list[int]] = {}
        self._failed: dict[tuple[int, int, int], int] = {}

    def wants(self, minute: int, endpoint: int, kind: int, duration: int) -> bool:
        """Whether the request would be kept beside those before it; if so it is one of them from now on."""
        if kind:
            seen = self._failed.get((minute, endpoint, kind), 0)
            if seen >= _KEPT[kind]:
                return False
            if len(self._failed) >= REMEMBERED:
                self._failed.clear()
            self._failed[minute, endpoint, kind] = seen + 1
            return True
        best = self._slowest.get((minute, endpoint), [])
        if len(best) >= KEPT_SLOW and duration <= best[-1]:
            return False
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
