"""From a table of summed rows to metrics by group: numpy, no database."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from endpoint_stats.aggregate import words
from endpoint_stats.aggregate.sketch import ALPHA, BAND_SLOTS, ESTIMATES, rank
from endpoint_stats.aggregate.table import SUMS, Ints, Table, add_up
from endpoint_stats.metrics import METRICS

SLOTS = words.HEADER + 1
DENSE = 1 << 23  # cells of group and slot that are counted in place; more are sorted
Column = list[float | int | list[int] | None]


class Groups:
    """Sums and sketches of rows by group: ``index`` int64[n] says which of ``count`` groups each row is in."""

    def __init__(self, table: Table, index: Ints, count: int, seconds: npt.NDArray[np.float64]) -> None:
        self.count = count
        self.seconds = seconds
        self.sums = {name: column for name, column in zip(SUMS, add_up(table.sums, index, count).T, strict=True)}
        extra = np.zeros(count, np.int64)
        np.maximum.at(extra, index, table.error_extra)
        self.error_bound = ALPHA + extra / 10_000
        self.rows, self.slots, self.counts = _sketches(table.entries, index, count)
        self.cumulative = np.cumsum(self.counts)
        self.timed = np.bincount(self.rows, weights=self.counts, minlength=count).astype(np.int64)
        self.first = np.concatenate(([0], np.cumsum(self.timed)))[:-1]

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
        columns = {key: column.tolist() for key, column in self.sums.items()} | {"seconds": self.seconds.tolist()}
        return [metric.compute({key: column[at] for key, column in columns.items()}) for at in range(self.count)]

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
    pair = entries.row * 1000 + entries.status
    unique, index = np.unique(pair, return_inverse=True)
    source, status = unique // 1000, unique % 1000
    requests = add_up(entries.count, index, len(unique))
    timed = add_up(np.where(entries.slot == words.UNTIMED, 0, entries.count), index, len(unique))
    sums = np.zeros((len(unique), len(SUMS)), np.int64)
    sums[:, SUMS.index("requests")] = requests
    sums[:, SUMS.index("timed")] = timed
    sums[:, SUMS.index("client_errors")] = np.where(status // 100 == 4, requests, 0)
    sums[:, SUMS.index("errors")] = np.where(status // 100 == 5, requests, 0)
    keys = tuple(key[source] for key in table.keys)
    return Table(keys, sums, table.error_extra[source], words.Entries(index, *entries[1:])), status


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
