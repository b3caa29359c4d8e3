"""From rows to metrics by group: numpy, no database."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from endpoint_stats.aggregate.sketch import ALPHA, BAND_SLOTS, ESTIMATES, ranks
from endpoint_stats.aggregate.table import Ints
from endpoint_stats.metrics import METRICS, SECONDS

from .rows import Rows, Sketches, add, sketches

Floats = npt.NDArray[np.float64]
Column = list[float | int | list[int] | None]


class Groups:
    """Sums and sketches by group.

    sums: int64[groups] by name; error_bound, seconds: float64[groups]
    merged: group, slot and count of each entry; none where no metric needs sketches
    """

    def __init__(self, sums: dict[str, Ints], error_bound: Floats, seconds: Floats, merged: Sketches) -> None:
        self.count, self.sums, self.error_bound, self.seconds = len(error_bound), sums, error_bound, seconds
        self.rows, self.slots, self.counts = merged
        self.cumulative = np.cumsum(self.counts)
        self.timed = np.bincount(self.rows, weights=self.counts, minlength=self.count).astype(np.int64)
        self.first = np.cumsum(self.timed) - self.timed

    @classmethod
    def of(cls, rows: Rows, index: Ints, seconds: Floats, *, sketched: bool) -> "Groups":
        """``index`` int64[n] says which group each row is in; there are as many groups as ``seconds``."""
        count = len(seconds)
        extra = np.zeros(count, np.int64)
        np.maximum.at(extra, index, rows.error_extra)
        none = np.zeros(0, np.int64)
        merged = sketches(rows, index, count) if sketched else (none, none, none)
        return cls(add(rows, index, count), ALPHA + extra / 10_000, seconds, merged)

    def together(self, seconds: float) -> "Groups":
        """All groups as one."""
        counts = np.bincount(self.slots, weights=self.counts, minlength=1)
        filled = np.flatnonzero(counts)
        return Groups(
            {name: values.sum(keepdims=True) for name, values in self.sums.items()},
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
        values = metric.compute({**self.sums, SECONDS: self.seconds})
        masked = np.ma.getmaskarray(values)
        return with_gaps(np.ma.getdata(values), ~masked) if masked.any() else list(np.ma.getdata(values).tolist())

    def _quantile(self, quantile: float) -> Column:
        known = self.timed > 0
        wanted = self.first[known] + ranks(self.timed[known], quantile)
        values = np.zeros(self.count)
        values[known] = ESTIMATES[self.slots[np.searchsorted(self.cumulative, wanted, side="left")]]
        return with_gaps(values, known)

    def _histogram(self) -> Column:
        """Counts of timed hits by band (sketch.BANDS, and one more for all above)."""
        bands = len(BAND_SLOTS) + 1
        cell = np.searchsorted(BAND_SLOTS, self.slots, side="left")
        cell += self.rows * bands
        # Sums of counts are exact in a float up to 2^53.
        counts = np.bincount(cell, weights=self.counts, minlength=self.count * bands).astype(np.int64)
        return list(counts.reshape(self.count, bands).tolist())

    def _apdex(self, seconds: float) -> Column:
        """(satisfied + tolerating / 2) / n with the thresholds T and 4 T, of hits with a duration."""
        estimate = ESTIMATES[self.slots]
        weight = np.where(estimate <= seconds, 1.0, np.where(estimate <= 4 * seconds, 0.5, 0.0))
        score = np.bincount(self.rows, weights=weight * self.counts, minlength=self.count)
        known = self.timed > 0
        return with_gaps(score / np.where(known, self.timed, 1), known)


def with_gaps(values: npt.NDArray[Any], known: npt.NDArray[np.bool_]) -> Column:
    """As a list, None where it is not known."""
    if known.all():
        return list(values.tolist())
    listed = values.astype(object)
    listed[~known] = None
    return list(listed.tolist())


def distinct(index: Ints, values: Ints, count: int) -> list[int]:
    """Number of distinct ``values`` (0, "unknown", left out) in each group."""
    pairs = np.unique(np.stack([index, values])[:, values != 0], axis=1)
    return np.bincount(pairs[0], minlength=count).tolist()


def order_of(columns: Mapping[str, Sequence[Any]], count: int, keys: Sequence[tuple[str, bool]]) -> list[int]:
    """The places of ``count`` rows, sorted by (column, whether descending), the first deciding; missing values come
    last either way, and what is equal in all keeps its order."""
    order = list(range(count))
    for name, descending in reversed(keys):
        values = columns.get(name)
        if values is None:
            continue  # by time, where there is no interval
        missing = [at for at in order if values[at] is None] if None in values else []
        present = [at for at in order if values[at] is not None] if missing else order
        order = sorted(present, key=values.__getitem__, reverse=descending) + missing
    return order
