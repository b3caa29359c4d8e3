"""A hash table of byte strings that is asked many at a time: a few numpy passes, and no Python object for a string.

A string is a row of a matrix of numbers, its own bytes and zeros behind them, and its length in the last byte, so that
rows are equal exactly where strings are. Rows are always compared: the hash only says where to look.
"""

from __future__ import annotations

import numpy as np

from .sources.lines import PADDED, WORD, Bools, Ints, Spans, Words

_FIRST_CAPACITY = 1_024
_SLOTS = 4  # for each key: few keys then miss their home
_ALL_EQUAL = np.uint64(0x0101010101010101)

# Multiply and add over secret odd numbers: nobody who writes to a log can aim at one slot.
_MULTIPLIERS = np.random.default_rng().integers(0, 1 << 63, PADDED[-1] // WORD, np.uint64) * np.uint64(2) + np.uint64(1)


def keys_of(spans: Spans, width: int) -> Words:
    """uint64[n, width / 8] of strings that are shorter than width, which is one of PADDED."""
    keys = spans.padded(width).view("<u8")
    keys[:, -1] |= (spans.end - spans.start).astype(np.uint64) << np.uint64(8 * (WORD - 1))
    return keys


class KeyTable:
    """Numbers strings, given as rows of ``width`` bytes, from 0 on in the order in which they are entered."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self._words = width // WORD
        self._rows = np.zeros((_FIRST_CAPACITY, self._words), np.uint64)
        self._slots = np.full(_SLOTS * _FIRST_CAPACITY, -1, np.int32)

    def find(self, keys: Words) -> Ints:
        """The number of each key, -1 where it has none."""
        return self._walk(keys, enter=False)[0]

    def enter(self, keys: Words) -> tuple[Ints, Ints]:
        """The number of each key; and one row of each key that had none, in the order of their new numbers."""
        if self.count + len(keys) > len(self._rows):
            self._grow(self.count + len(keys))
        return self._walk(keys, enter=True)

    def _home(self, keys: Words) -> Ints:
        # Of a sum of products the highest bits depend on all others.
        return ((keys @ _MULTIPLIERS[: self._words]) >> np.uint64(65 - len(self._slots).bit_length())).astype(np.int64)

    def _walk(self, keys: Words, *, enter: bool) -> tuple[Ints, Ints]:
        """From each key's home slot on, until the key or a free slot is met."""
        slot = self._home(keys)
        numbers = self._slots[slot].astype(np.int64)
        # Nearly all keys are known and at home: those first, all at once.
        waiting = np.flatnonzero(~self._equal(numbers, keys))
        numbers[waiting] = -1
        slot = slot[waiting]
        new: list[Ints] = []
        while len(waiting):
            free = np.flatnonzero(self._slots[slot] < 0)
            if enter and len(free):
                new.append(self._claim(keys, waiting[free], slot[free]))
            elif len(free):
                waiting, slot = np.delete(waiting, free), np.delete(slot, free)
            held = self._slots[slot].astype(np.int64)
            same = self._equal(held, keys[waiting])
            numbers[waiting[same]] = held[same]
            waiting, slot = waiting[~same], (slot[~same] + 1) & (len(self._slots) - 1)
        return numbers, np.concatenate(new) if new else np.zeros(0, np.int64)

    def _equal(self, numbers: Ints, keys: Words) -> Bools:
        """Whether each key has the number that is given; -1 is nobody's."""
        whole = f"V{self._words * WORD}"  # gathered as one item each
        rows = self._rows.view(whole)[numbers, 0].view("<u8").reshape(-1, self._words)
        same = (rows == keys).view(np.uint64)
        return np.logical_and.reduce([numbers >= 0, *(column == _ALL_EQUAL for column in same.T)])

    def _claim(self, keys: Words, rows: Ints, slots: Ints) -> Ints:
        """Give the free slots to rows, of those that want the same one to one; returns these rows."""
        self._slots[slots] = np.arange(len(rows))
        won = self._slots[slots] == np.arange(len(rows))
        winners = rows[won]
        numbers = np.arange(self.count, self.count + len(winners))
        self._rows[numbers] = keys[winners]
        self._slots[slots[won]] = numbers
        self.count += len(winners)
        return winners

    def _grow(self, wanted: int) -> None:
        """Make room for twice as many keys as are wanted: all held ones have to move."""
        held, count = self._rows, self.count
        capacity = 1 << (2 * wanted - 1).bit_length()
        self._rows = np.empty((capacity, self._words), np.uint64)
        self._slots = np.full(_SLOTS * capacity, -1, np.int32)
        self._rows[:count] = held[:count]
        # The keys differ, so that each only needs the first free slot.
        waiting, slot = np.arange(count), self._home(held[:count])
        while len(waiting):
            free = self._slots[slot] < 0
            self._slots[slot[free]] = waiting[free]
            placed = self._slots[slot] == waiting
            waiting, slot = waiting[~placed], (slot[~placed] + 1) & (len(self._slots) - 1)
