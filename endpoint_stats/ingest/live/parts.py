"""The hits of one request, encoded; and those of all requests of a commit under the project's keys.

Of most requests the hits are a few: those are handled one after another, and more than a few as columns. What comes of
it is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from endpoint_stats.aggregate.fold import Coded, EndpointName, Hits, Ints, named
from endpoint_stats.aggregate.keyed import KeyedHit, KeyedHits, pack_hits
from endpoint_stats.ingest.coders import NameLists
from endpoint_stats.store.live import Added
from endpoint_stats.store.names import NewNames, ProjectNames

from .samples import Request

HITS_A_KEY = 10
FEW = 24  # hits of a commit up to which columns take longer

Describe = Callable[[int], Request]


@dataclass(slots=True)
class Part:
    """The hits of one request. ``names`` are those that codes stand for.

    hits: columns, or one after another where there are a few
    weights: how many requests each stands for, or None; counted: which of them count, or None for all
    describe: what a sample shows of the hit of a row
    """

    hits: Hits | list[Coded]
    names: NameLists
    describe: Describe
    weights: Sequence[int] | None = None
    counted: list[bool] | None = None

    def __len__(self) -> int:
        return len(self.hits)

    @property
    def span(self) -> tuple[int, int]:
        """Epoch seconds of the first and the last hit; at least one hit."""
        if isinstance(self.hits, Hits):
            return int(self.hits.seconds.min()), int(self.hits.seconds.max())
        seconds = [hit.seconds for hit in self.hits]
        return min(seconds), max(seconds)

    def endpoints(self) -> list[EndpointName]:
        """The distinct ones."""
        codes = np.unique(self.hits.endpoint).tolist() if isinstance(self.hits, Hits) else self._codes()
        return [self.names.endpoints.listed[code] for code in codes]

    def _codes(self) -> set[int]:
        assert isinstance(self.hits, list)
        return {hit.endpoint for hit in self.hits}

    def leave_out(self, services: set[str]) -> int:
        """Let hits of these services not count. Returns how many there are."""
        codes = self.hits.endpoint.tolist() if isinstance(self.hits, Hits) else [hit.endpoint for hit in self.hits]
        listed = self.names.endpoints.listed
        left_out = {code for code in set(codes) if listed[code].service in services}
        self.counted = [code not in left_out for code in codes]
        return self.counted.count(False)

    def few(self) -> list[tuple[Coded, int]]:
        """Those that count, and their weights."""
        assert isinstance(self.hits, list)
        weighted = zip(self.hits, self.weights or [1] * len(self.hits), strict=True)
        if self.counted is None:
            return list(weighted)
        return [one for one, counts in zip(weighted, self.counted, strict=True) if counts]

    def columns(self) -> tuple[Hits, Ints]:
        """The same as columns."""
        hits = self.hits if isinstance(self.hits, Hits) else as_columns(self.hits)
        weights = np.ones(len(hits), np.int64) if self.weights is None else np.array(self.weights, np.int64)
        if self.counted is None:
            return hits, weights
        counted = np.array(self.counted, bool)
        return hits.take(counted), weights[counted]


def as_columns(hits: Sequence[Coded]) -> Hits:
    return Hits(*np.array(hits, np.int64).reshape(-1, len(Coded._fields)).T)


def added_by(parts: Sequence[Part], names: ProjectNames) -> Added:
    """What the hits of a commit add."""
    if all(isinstance(part.hits, list) for part in parts) and sum(map(len, parts)) <= FEW:
        few = _few(parts, names)
        if few is not None:
            return Added(pack_hits(few), _keys(len(few)))
    new = NewNames()
    hits = _many(parts, names, new)
    return Added(pack_hits(hits), _keys(len(hits.time)), new)


def _keys(hits: int) -> int:
    """What hits will come to, about: how many have a key in common is known when they are folded."""
    return -(-hits // HITS_A_KEY)


def _few(parts: Sequence[Part], names: ProjectNames) -> list[KeyedHit] | None:
    """One hit after another; None where a name of them is not settled."""
    found: list[KeyedHit] = []
    answered: set[EndpointName] = set()  # see ``fold.variants``
    try:
        for part in parts:
            endpoints, releases = part.names.endpoints.listed, part.names.releases.listed
            consumers = part.names.consumers.listed
            for hit, weight in part.few():
                name = endpoints[hit.endpoint]
                if hit.status != 404 or hit.explicit:
                    answered.add(name)
                    keys = names.settled_keys(name, releases[hit.release], consumers[hit.consumer])
                else:
                    missing = name._replace(missing=2 if name in answered else 1)
                    keys = names.settled_keys(missing, releases[hit.release], consumers[hit.consumer])
                found.append(
                    KeyedHit(
                        hit.seconds // 60, *keys, hit.traffic, hit.status, hit.duration, hit.request_size,
                        hit.response_size, weight,
                    )
                )  # fmt: skip
    except KeyError:
        return None
    return found


def _many(parts: Sequence[Part], names: ProjectNames, new: NewNames) -> KeyedHits:
    """Parts whose codes mean the same are one."""
    alike: dict[int, list[Part]] = {}
    for part in parts:
        alike.setdefault(id(part.names), []).append(part)
    found = [_keyed(some, names, new) for some in alike.values()]
    return KeyedHits(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _keyed(parts: Sequence[Part], names: ProjectNames, new: NewNames) -> KeyedHits:
    chosen = _columns_of(parts)
    hits = Hits(*(np.concatenate([getattr(some, name) for some, _ in chosen]) for name in Hits.__slots__))
    lists = parts[0].names
    if not len(hits):
        return KeyedHits(*(np.zeros(0, np.int64) for _ in KeyedHits._fields))
    of = named(hits, lists.endpoints.listed, lists.releases.listed, lists.consumers.listed)
    keys = names.keys(of.endpoints, of.releases, of.consumers, new)
    return KeyedHits(
        hits.seconds // 60,
        keys.endpoint[of.endpoint],
        keys.release[of.release],
        keys.consumer[of.consumer],
        hits.traffic,
        hits.status,
        hits.duration,
        hits.request_size,
        hits.response_size,
        np.concatenate([weights for _, weights in chosen]),
    )


def _columns_of(parts: Sequence[Part]) -> list[tuple[Hits, Ints]]:
    """As columns, all that came one after another at once."""
    found = [part.columns() for part in parts if isinstance(part.hits, Hits)]
    few = list(chain.from_iterable(part.few() for part in parts if isinstance(part.hits, list)))
    if few:
        hits, weights = zip(*few, strict=True)
        found.append((as_columns(hits), np.array(weights, np.int64)))
    return found or [(as_columns([]), np.zeros(0, np.int64))]
