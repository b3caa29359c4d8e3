"""Rows of rollups and of the journal as a query adds them up: columns by name, words still packed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from endpoint_stats.aggregate import words
from endpoint_stats.aggregate.table import SUMS, Columns, Ints, add_up, starts_of_runs

SLOT_BITS = 11
SLOTS = 1 << SLOT_BITS
LONG = 2048  # words a row from which rows are counted one by one: the array that is counted into stays in the cache
DENSE = 4  # cells a word up to which counting in place is quicker than sorting
HEADERS = words.HEADER << words.COUNT_BITS  # a word from here on is a header
NO_DURATION = words.UNTIMED << words.COUNT_BITS  # and one from here on is no duration

Sketches = tuple[Ints, Ints, Ints]  # group, slot and count of each entry, ascending by group and slot


@dataclass(frozen=True, slots=True)
class Rows:
    """``n`` rows; a key may stand in several.

    keys: int64[n] by key column, ``time`` (minutes) among them
    sums: int64[n] by name, those that are needed; negative where a rollback takes away
    error_extra: int64[n], relative error beyond the sketch's, in 1/10,000
    signs: int64[n], −1 where the words are to be taken away
    lengths, words: int64[n], the number of words of each row, and uint32 of all rows, one after another
    """

    keys: dict[str, Ints]
    sums: dict[str, Ints]
    error_extra: Ints
    signs: Ints
    lengths: Ints
    words: words.Words

    def __len__(self) -> int:
        return len(self.error_extra)


def empty(keys: Sequence[str]) -> Rows:
    none = np.zeros(0, np.int64)
    return Rows(dict.fromkeys(keys, none), dict.fromkeys(SUMS, none), none, none, none, np.zeros(0, np.uint32))


def from_columns(keys: Sequence[str], columns: Columns, sign: int) -> Rows:
    """The rows of a journal's table; ``sign`` −1 takes them away."""
    return Rows(
        dict(zip(keys, columns.keys, strict=True)),
        dict(zip(SUMS, columns.sums * sign, strict=True)),
        columns.error_extra,
        np.full(len(columns.error_extra), sign, np.int64),
        np.diff(columns.offsets),
        columns.words,
    )


def with_times(rows: Rows, times: Ints) -> Rows:
    return replace(rows, keys=rows.keys | {"time": times})


def take(rows: Rows, keep: npt.NDArray[np.bool_]) -> Rows:
    """The rows where ``keep`` is true."""
    if keep.all():
        return rows
    return Rows(
        {name: key[keep] for name, key in rows.keys.items()},
        {name: values[keep] for name, values in rows.sums.items()},
        rows.error_extra[keep],
        rows.signs[keep],
        rows.lengths[keep],
        rows.words[np.repeat(keep, rows.lengths)],
    )


def sliding(rows: Rows, step: int, strides: int, start: int, end: int) -> Rows:
    """Each row in every one of the ``strides`` buckets of ``step`` minutes, from its own on, that look back to it; of
    buckets that begin in ``[start, end)``."""
    if strides == 1 or not len(rows):
        return take(rows, (rows.keys["time"] >= start) & (rows.keys["time"] < end))
    parts = []
    for stride in range(strides):
        times = rows.keys["time"] + stride * step
        parts.append(take(with_times(rows, times), (times >= start) & (times < end)))
    return concatenate(parts, tuple(rows.keys), tuple(rows.sums))


def concatenate(parts: Sequence[Rows], keys: Sequence[str], sums: Sequence[str]) -> Rows:
    """All rows, one part after another, with these columns only; at least one part."""
    parts = [part for part in parts if len(part)] or parts[:1]
    if len(parts) == 1:
        (only,) = parts
        own = {name: only.keys[name] for name in keys}
        return replace(only, keys=own, sums={name: only.sums[name] for name in sums})
    return Rows(
        {name: np.concatenate([part.keys[name] for part in parts]) for name in keys},
        {name: np.concatenate([part.sums[name] for part in parts]) for name in sums},
        np.concatenate([part.error_extra for part in parts]),
        np.concatenate([part.signs for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        np.concatenate([part.words for part in parts]),
    )


def by_status(rows: Rows) -> tuple[Rows, Ints]:
    """Each section of a row's words as a row of its own, and the statuses, which a row may have more than once. Only
    counts and durations are kept by status: there are no sums of time and bytes."""
    heads = np.flatnonzero(rows.words >= HEADERS)
    source = np.searchsorted(np.cumsum(rows.lengths), heads, side="right")
    status = (rows.words[heads] & words.MAX_COUNT).astype(np.int64)
    counts = (rows.words & words.MAX_COUNT).astype(np.int64)
    counts[heads] = 0
    none = np.zeros(0, np.int64)
    signs = rows.signs[source]
    requests = np.add.reduceat(counts, heads) * signs if len(heads) else none
    counts[rows.words >= NO_DURATION] = 0
    timed = np.add.reduceat(counts, heads) * signs if len(heads) else none
    sums = {
        "requests": requests,
        "timed": timed,
        "client_errors": np.where(status // 100 == 4, requests, 0),
        "errors": np.where(status // 100 == 5, requests, 0),
    }
    keys = {name: key[source] for name, key in rows.keys.items()}
    lengths = np.diff(heads, append=len(rows.words))
    return Rows(keys, sums, rows.error_extra[source], signs, lengths, rows.words), status


def sketches(rows: Rows, index: Ints, groups: int) -> Sketches:
    """One sketch a group, whatever the statuses; ``index`` int64[n] says which group each row is in."""
    away = rows.signs < 0
    if not away.any():
        return _merge(rows, index, groups)
    # What a rollback takes away is merged by itself, then subtracted.
    parts = [_merge(take(rows, chosen), index[chosen], groups) for chosen in (~away, away)]
    group, slot, count = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    count[len(parts[0][2]) :] *= -1
    total = words.total(words.Entries(group, np.zeros_like(group), slot, count))
    return total.row, total.slot, total.count


def _merge(rows: Rows, index: Ints, groups: int) -> Sketches:
    if groups * SLOTS > DENSE * len(rows.words):
        return _by_sorting(rows, index)
    if len(rows.words) >= LONG * len(rows):
        cells = _by_row(rows, index, groups)
    else:
        cell = np.repeat(index << SLOT_BITS, rows.lengths)
        cell += rows.words >> words.COUNT_BITS
        # Sums of counts are exact in a float up to 2^53.
        cells = np.bincount(cell, weights=rows.words & words.MAX_COUNT, minlength=groups * SLOTS)
        cells = cells.reshape(groups, SLOTS)
    cells[:, words.UNTIMED :] = 0
    cells = cells.ravel()
    filled = np.flatnonzero(cells)
    return filled >> SLOT_BITS, filled & (SLOTS - 1), cells[filled].astype(np.int64)


def _by_row(rows: Rows, index: Ints, groups: int) -> npt.NDArray[np.float64]:
    """Counts by group and slot, float64[groups, SLOTS]."""
    cells = np.zeros((groups, SLOTS))
    slots, counts = rows.words >> words.COUNT_BITS, rows.words & words.MAX_COUNT
    ends = np.cumsum(rows.lengths)
    for group, start, end in zip(index.tolist(), (ends - rows.lengths).tolist(), ends.tolist(), strict=True):
        cells[group] += np.bincount(slots[start:end], weights=counts[start:end], minlength=SLOTS)
    return cells


def _by_sorting(rows: Rows, index: Ints) -> Sketches:
    """For many groups of few words. Group, slot and count share one number; sections ascend already, which the stable
    sort makes use of."""
    numbers = np.repeat(index << 32, rows.lengths)
    numbers |= rows.words
    numbers = numbers[rows.words < NO_DURATION]
    numbers.sort(kind="stable")
    cell = numbers >> words.COUNT_BITS
    starts = starts_of_runs(cell)
    numbers &= words.MAX_COUNT
    counts = np.add.reduceat(numbers, starts) if len(starts) else numbers
    return cell[starts] >> SLOT_BITS, cell[starts] & (SLOTS - 1), counts


def add(rows: Rows, index: Ints, groups: int) -> dict[str, Ints]:
    """Each sum by group."""
    return {name: add_up(values, index, groups) for name, values in rows.sums.items()}
