"""Packed statuses and sketches: little-endian u32 words, 11 bits of slot and 21 bits of count.

A row's words are one section a status, each a header word (slot ``HEADER``, its low bits the status) and then
entries: (slot, count) of durations, and (slot ``UNTIMED``, count) for hits without a duration. A count past
21 bits repeats the entry. Since every row begins with a header, the concatenation of two rows' words is a
valid merge of them; ``encode`` gives the one canonical form: statuses ascending, slots ascending, equal
entries summed. Counts may be negative in memory (a rollback), never in words.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

UNTIMED = 2046
HEADER = 2047
COUNT_BITS = 21
MAX_COUNT = (1 << COUNT_BITS) - 1
_SLOT_BITS, _STATUS_BITS = 11, 10
CELL_BITS = _SLOT_BITS + _STATUS_BITS

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint32]


class Entries(NamedTuple):
    """Decoded words of many rows: for each entry its row, status, slot (or UNTIMED) and count."""

    row: Ints
    status: Ints
    slot: Ints
    count: Ints  # type: ignore[assignment]  # hides tuple.count, which nobody calls

    def timed(self) -> "Entries":
        """Without the entries of hits that had no duration, and without headers."""
        keep = self.slot < UNTIMED
        return Entries(self.row[keep], self.status[keep], self.slot[keep], self.count[keep])


def decode(words: Words, offsets: Ints) -> Entries:
    """Entries of rows whose words are ``words[offsets[r]:offsets[r + 1]]``. Not summed, in stored order."""
    slots = (words >> COUNT_BITS).astype(np.int64)
    counts = (words & MAX_COUNT).astype(np.int64)
    headers = slots == HEADER
    # The status of a word is that of the last header at or before it.
    last_header = np.maximum.accumulate(np.where(headers, np.arange(len(words)), 0)) if len(words) else slots
    keep = ~headers
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return Entries(rows[keep], counts[last_header][keep], slots[keep], counts[keep])


def decode_slots(words: Words, offsets: Ints) -> Entries:
    """The same without statuses (0), three times as fast: headers stay among the entries, under the slot ``HEADER``,
    for whoever counts slots to leave out."""
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    slots = (words >> COUNT_BITS).astype(np.int64)
    return Entries(rows, np.zeros(len(words), np.int64), slots, (words & MAX_COUNT).astype(np.int64))


def cells(status: Ints, slot: Ints) -> Ints:
    """Status and slot as one number of CELL_BITS bits that sorts as they do."""
    return (status << _SLOT_BITS) | slot


def total(entries: Entries) -> Entries:
    """Equal (row, status, slot) summed, sorted by them; entries that came to zero are gone."""
    key = (entries.row << CELL_BITS) | cells(entries.status, entries.slot)
    if (key[1:] > key[:-1]).all() and entries.count.all():
        return entries
    order = np.argsort(key, kind="stable")  # a merge of runs, which is what entries mostly are
    key = key[order]
    first = np.ones(len(key), bool)
    np.not_equal(key[1:], key[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    counts = np.add.reduceat(entries.count[order], starts)
    keep = counts != 0
    unique, counts = key[starts[keep]], counts[keep]
    status = (unique >> _SLOT_BITS) & ((1 << _STATUS_BITS) - 1)
    return Entries(unique >> CELL_BITS, status, unique & ((1 << _SLOT_BITS) - 1), counts)


def encode(entries: Entries, rows: int) -> tuple[Words, Ints]:
    """Canonical words of ``rows`` rows and their offsets (length rows + 1). ``entries`` as ``total`` gives them.

    Raises ValueError on a negative count: what was never added is being taken away.
    """
    if len(entries.count) == 0:
        return np.zeros(0, np.uint32), np.zeros(rows + 1, np.int64)
    if entries.count.min() < 0:
        raise ValueError("Counts below zero cannot be packed: something is being taken away that was never added.")
    repeats = -(-entries.count // MAX_COUNT)
    row, status, slot = (np.repeat(part, repeats) for part in entries[:3])
    count = np.full(len(row), MAX_COUNT, np.int64)
    count[np.cumsum(repeats) - 1] = entries.count - (repeats - 1) * MAX_COUNT
    first = np.ones(len(row), bool)
    first[1:] = (row[1:] != row[:-1]) | (status[1:] != status[:-1])
    position = np.arange(len(row)) + np.cumsum(first)
    words = np.empty(len(row) + int(first.sum()), np.uint32)
    words[position] = (slot << COUNT_BITS) | count
    words[position[first] - 1] = (HEADER << COUNT_BITS) | status[first]
    sizes = np.bincount(row, minlength=rows) + np.bincount(row[first], minlength=rows)
    return words, np.concatenate(([0], np.cumsum(sizes)))
