"""Fold: encoded hits of one piece of input -> a Delta, in a few numpy passes and no loop over hits."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from . import words
from .sketch import slots_of
from .table import SUMS, Table, empty, ranks, starts_of_runs

Ints = npt.NDArray[np.int64]

NO_DURATION = -1
NORMAL, BOT, HEALTH = 0, 1, 2  # traffic classes


class EndpointName(NamedTuple):
    """``missing`` (1, 2: see ``variants``): these hits are 404s of a path that only the lexical rules name. They are
    the route's own where the project knows it, and else belong to no route."""

    service: str
    method: str
    route: str
    missing: int = 0


@dataclass(slots=True)
class Hits:
    """Hits of one piece as columns of equal length, in the order of their lines.

    seconds since 1970; durations in ns or NO_DURATION; sizes in bytes; endpoint, release and consumer are
    indices into the names that the encoder keeps (release and consumer 0: unknown); ``explicit`` is 1 where
    the route was named by the source, a pattern or a group, so that its 404s are its own.
    """

    seconds: Ints
    endpoint: Ints
    status: Ints
    duration: Ints
    request_size: Ints
    response_size: Ints
    release: Ints
    consumer: Ints
    traffic: Ints
    explicit: Ints

    def __len__(self) -> int:
        return len(self.seconds)

    def take(self, keep: npt.NDArray[np.bool_]) -> "Hits":
        """Those where ``keep`` is true."""
        return Hits(*(getattr(self, name)[keep] for name in self.__slots__))


class Coded(NamedTuple):
    """One hit as ``Hits`` has it."""

    seconds: int
    endpoint: int
    status: int
    duration: int
    request_size: int
    response_size: int
    release: int
    consumer: int
    traffic: int
    explicit: int


@dataclass(slots=True)
class Delta:
    """What a piece adds. Tables refer to names by position; names stand in the order of their first hit."""

    endpoints: list[EndpointName] = field(default_factory=list)
    releases: list[tuple[str, str]] = field(default_factory=list)
    consumers: list[str] = field(default_factory=list)
    hits: Table = field(default_factory=lambda: empty(4))
    by_consumer: Table = field(default_factory=lambda: empty(3))

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process names go column by column: a quarter of the time that an object a name takes."""
        columns = [list(column) for column in zip(*self.endpoints, strict=True)]
        return _delta, (columns, self.releases, self.consumers, self.hits, self.by_consumer)


def _delta(columns: list[list[Any]], *others: Any) -> Delta:
    return Delta(list(map(EndpointName._make, zip(*columns, strict=True))), *others)


def _in_order(codes: Ints) -> tuple[Ints, Ints]:
    """The distinct codes (>= 0) in the order of their first appearance, and each row's position among them."""
    first = np.full(int(codes.max()) + 1, -1)
    # Assigned backwards, so that the first row of each code is what remains.
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    present = np.flatnonzero(first >= 0)
    listed = present[np.argsort(first[present])]
    place = first  # no longer needed
    place[listed] = np.arange(len(listed))
    return listed, place[codes]


def variants(endpoint: Ints, status: Ints, explicit: Ints) -> Ints:
    """0 for most hits; 1 for 404s that came before any other answer of their route in this piece, 2 for those that
    came after one. Routes that were named explicitly have 0 only.

    Apart, since whether the route is known can change between the two, and must not depend on where pieces are cut.
    """
    missing = (status == 404) & (explicit == 0)
    result = np.zeros(len(endpoint), np.int64)
    if not missing.any():
        return result
    line = np.arange(len(endpoint))
    first_other = np.full(int(endpoint.max()) + 1, len(endpoint))
    # Assigned backwards, so that the first line of each route is what remains.
    other = status != 404
    first_other[endpoint[other][::-1]] = line[other][::-1]
    result[missing] = np.where(line[missing] < first_other[endpoint[missing]], 1, 2)
    return result


class Measured(Protocol):
    """What of hits is added up: columns of ``Hits``."""

    @property
    def status(self) -> Ints: ...
    @property
    def duration(self) -> Ints: ...
    @property
    def request_size(self) -> Ints: ...
    @property
    def response_size(self) -> Ints: ...


def table_of(keys: tuple[Ints, ...], hits: Measured, slot: Ints, weights: Ints | None = None) -> Table:
    """Hits by ``keys``, combined. One sort by key, status and slot; sums and counts are then those of runs.

    slot: of each duration, or UNTIMED
    weights: for each hit how many requests it stands for (a sampled trace); None: one each
    """
    cell = (ranks(keys, 63 - words.CELL_BITS) << words.CELL_BITS) | words.cells(hits.status, slot)
    order = np.argsort(cell)
    cell = cell[order]
    entry = starts_of_runs(cell)
    row = starts_of_runs(cell >> words.CELL_BITS)
    status, duration = hits.status[order], hits.duration[order]
    sums = np.empty((len(row), len(SUMS)), np.int64)
    if weights is None:
        requests, counts = np.diff(row, append=len(order)), np.diff(entry, append=len(order))
    else:
        weights = weights[order]
        requests, counts = np.add.reduceat(weights, row), np.add.reduceat(weights, entry)
    sums[:, 0] = requests
    columns = (
        (status >= 400) & (status < 500),
        status >= 500,
        duration >= 0,
        np.where(duration >= 0, (duration + 500) // 1000, 0),
        hits.request_size[order],
        hits.response_size[order],
    )
    for number, column in enumerate(columns, start=1):
        if weights is not None:
            column = column * weights
        sums[:, number] = np.add.reduceat(column, row, dtype=np.int64)
    entries = words.Entries(
        np.searchsorted(row, entry, side="right") - 1,
        status[entry],
        slot[order[entry]],
        counts,
    )
    return Table(tuple(key[order[row]] for key in keys), sums, np.zeros(len(row), np.int64), entries)


class Named(NamedTuple):
    """Names of hits in the order of their first one, and for each hit (int64[n]) its place among them. Of releases and
    consumers the first is "unknown"."""

    endpoints: list[EndpointName]
    endpoint: Ints
    releases: list[tuple[str, str]]
    release: Ints
    consumers: list[str]
    consumer: Ints


def named(hits: Hits, endpoints: list[EndpointName], releases: list[tuple[str, str]], consumers: list[str]) -> Named:
    """The names of hits; see ``fold``. At least one hit."""
    codes, endpoint = _in_order(hits.endpoint * 3 + variants(hits.endpoint, hits.status, hits.explicit))
    names = [endpoints[code] for code in (codes // 3).tolist()]
    for at in np.flatnonzero(codes % 3).tolist():
        names[at] = names[at]._replace(missing=int(codes[at] % 3))
    release_codes, release = _in_order(np.concatenate(([0], hits.release)))
    consumer_codes, consumer = _in_order(np.concatenate(([0], hits.consumer)))
    return Named(
        names,
        endpoint,
        [releases[code] for code in release_codes.tolist()],
        release[1:],
        [consumers[code] for code in consumer_codes.tolist()],
        consumer[1:],
    )


def fold(hits: Hits, endpoints: list[EndpointName], releases: list[tuple[str, str]], consumers: list[str]) -> Delta:
    """The Delta of ``hits``. The lists are the encoder's names, which may hold more than these hits use."""
    if not len(hits):
        return Delta()
    names = named(hits, endpoints, releases, consumers)
    slot = slots_of(hits.duration)
    slot[hits.duration < 0] = words.UNTIMED
    minute = hits.seconds // 60
    delta = Delta(
        names.endpoints,
        names.releases,
        names.consumers,
        table_of((minute, names.endpoint, names.release, hits.traffic), hits, slot),
    )
    if len(names.consumers) > 1:
        known = names.consumer > 0
        chosen = hits.take(known)
        keys = ((minute - minute % 60)[known], names.consumer[known], names.endpoint[known])
        delta.by_consumer = table_of(keys, chosen, slot[known])
    return delta
