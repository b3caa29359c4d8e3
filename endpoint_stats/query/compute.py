"""From a table of summed rows to metrics by group: numpy, no database."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from endpoint_stats.aggregate import words
from endpoint_stats.aggregate.sketch import ALPHA, BAND_SLOTS, ESTIMATES, rank
from endpoint_stats.aggregate.table import SUMS, Ints, Table, add_up
from endpoint_stats.metrics import METRICS

SLOTS, STATUSES = words.HEADER + 1, 1024
DENSE = 1 << 23  # cells of group and slot that are counted in place; more are sorted
Floats = npt.NDArray[np.float64]
Column = list[float | int | list[int] | None]


class Groups:
    """Sums and sketches by group.

    sums: int64[groups, len(SUMS)]; error_bound, seconds: float64[groups]
    sketches: int64[entries] each, ascending: group, slot and count
    """

    def __init__(self, sums: Ints, error_bound: Floats, seconds: Floats, sketches: tuple[Ints, Ints, Ints]) -> None:
        self.count, self.all_sums, self.error_bound, self.seconds = len(sums), sums, error_bound, seconds
        self.sums = dict(zip(SUMS, sums.T, strict=True))
        self.rows, self.slots, self.counts = sketches
        count = self.count
        self.cumulative = np.cumsum(self.counts)
        self.timed = np.bincount(self.rows, weights=self.counts, minlength=count).astype(np.int64)
        self.first = np.concatenate(([0], np.cumsum(self.timed)))[:-1]

    @classmethod
    def of(cls, table: Table, index: Ints, count: int, seconds: Floats) -> "Groups":
        """The rows of a table: ``index`` int64[n] says which of ``count`` groups each is in."""
        extra = np.zeros(count, np.int64)
        np.maximum.at(extra, index, table.error_extra)
        sketches = _sketches(table.entries, index, count)
        return cls(add_up(table.sums, index, count), ALPHA + extra / 10_000, seconds, sketches)

    def together(self, seconds: float) -> "Groups":
        """All groups as one."""
        counts = np.bincount(self.slots, weights=self.counts, minlength=1)
        filled = np.flatnonzero(counts)
        return Groups(
            self.all_sums.sum(axis=0, keepdims=True),
            self.error_bound.max(initial=ALPHA, keepdims=True),
            np.array([seconds]),
            (np.zeros(len(filled), np.int64), filled, counts[filled].astype(np.int64)),
        )

    def column(self, name: str, apdex_seconds: float) -> Column:
        """The metric for each group."""
        metric = METRICS[name]
        if metric.quantile is not None:
            return self._quantile(metric.quantile)
        if name == "apdex":
            return self._apdex(apdex_seconds)
        if name == "histogram":
            return self._histogram()
        if metric.compute is None:
            raise ValueError(f"{name} is not computed from sums")
        return list(metric.compute({**self.sums, "seconds": self.seconds}).tolist())  # None where it is masked

    def _quantile(self, quantile: float) -> Column:
        result: Column = [None] * self.count
        known = np.flatnonzero(self.timed)
        wanted = self.first[known] + np.array([rank(int(n), quantile) for n in self.timed[known]], np.int64)
        positions = np.searchsorted(self.cumulative, wanted, side="left")
        for group, estimate in zip(known.tolist(), ESTIMATES[self.slots[positions]].tolist(), strict=True):
            result[group] = estimate
        return result

    def _histogram(self) -> Column:
        """Counts of timed hits by band (sketch.BANDS, and one more for all above)."""
        bands = len(BAND_SLOTS) + 1
        band = np.searchsorted(BAND_SLOTS, self.slots, side="left")
        counts = np.zeros(self.count * bands, np.int64)
        np.add.at(counts, self.rows * bands + band, self.counts)
        return list(counts.reshape(self.count, bands).tolist())

    def _apdex(self, seconds: float) -> Column:
        """(satisfied + tolerating / 2) / n with the thresholds T and 4 T, of hits with a duration."""
        estimate = ESTIMATES[self.slots]
        weight = np.where(estimate <= seconds, 1.0, np.where(estimate <= 4 * seconds, 0.5, 0.0))
        score = np.bincount(self.rows, weights=weight * self.counts, minlength=self.count)
        pairs = zip(score.tolist(), self.timed.tolist(), strict=True)
        return [value / timed if timed else None for value, timed in pairs]


def _sketches(entries: words.Entries, index: Ints, count: int) -> tuple[Ints, Ints, Ints]:
    """One sketch a group, whatever the statuses: group, slot and count of each entry, in their order."""
    if count * SLOTS > DENSE:
        timed = entries.timed()
        merged = words.total(words.Entries(index[timed.row], np.zeros_like(timed.row), timed.slot, timed.count))
        return merged.row, merged.slot, merged.count
    cell = index[entries.row]
    cell *= SLOTS
    cell += entries.slot
    # Sums of counts are exact in a float up to 2^53.
    cells = np.bincount(cell, weights=entries.count, minlength=count * SLOTS)
    cells.reshape(count, SLOTS)[:, words.UNTIMED :] = 0
    filled = np.flatnonzero(cells)
    return filled // SLOTS, filled % SLOTS, cells[filled].astype(np.int64)


def by_status(table: Table) -> tuple[Table, Ints]:
    """Each row split into one row a status, and the statuses. Only counts and durations are kept by status: the
    sums of time and bytes are 0."""
    entries = table.entries
    unique, index = _distinct(entries.row * STATUSES + entries.status, len(table) * STATUSES)
    source, status = unique // STATUSES, unique % STATUSES
    requests = add_up(entries.count, index, len(unique))
    timed = add_up(np.where(entries.slot == words.UNTIMED, 0, entries.count), index, len(unique))
    sums = np.zeros((len(unique), len(SUMS)), np.int64)
    sums[:, SUMS.index("requests")] = requests
    sums[:, SUMS.index("timed")] = timed
    sums[:, SUMS.index("client_errors")] = np.where(status // 100 == 4, requests, 0)
    sums[:, SUMS.index("errors")] = np.where(status // 100 == 5, requests, 0)
    keys = tuple(key[source] for key in table.keys)
    return Table(keys, sums, table.error_extra[source], words.Entries(index, *entries[1:])), status


def _distinct(values: Ints, limit: int) -> tuple[Ints, Ints]:
    """The distinct values (from 0, below ``limit``), ascending, and for each value its place among them."""
    if limit > DENSE:
        return np.unique(values, return_inverse=True)
    place = np.zeros(limit, np.int64)
    place[values] = 1
    unique = np.flatnonzero(place)
    place[unique] = np.arange(len(unique))
    return unique, place[values]


def distinct(index: Ints, values: Ints, count: int) -> list[int]:
    """Number of distinct ``values`` (0, "unknown", left out) in each group."""
    pairs = np.unique(np.stack([index, values])[:, values != 0], axis=1)
    return np.bincount(pairs[0], minlength=count).tolist()


def order_rows(rows: list[dict[str, object]], keys: Sequence[tuple[str, bool]]) -> list[dict[str, object]]:
    """Sorted by the last key first, so that the first decides; missing values come last either way."""
    for name, descending in reversed(keys):
        present = [row for row in rows if row.get(name) is not None]
        missing = [row for row in rows if row.get(name) is None]
        rows = sorted(present, key=lambda row: row[name], reverse=descending) + missing  # type: ignore[arg-type, return-value]
    return rows
