"""Raw value -> code, remembered: of what a log repeats each distinct value is decoded once.

Memory is bounded by two generations of values. When the newer one is full it becomes the older one, from which a value
that is met again comes back; what was met in neither is forgotten. So values that come often stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .key_table import KeyTable, keys_of
from .sources.lines import PADDED, Ints, Spans, Words

MEMO_LIMIT = 250_000  # distinct values remembered of one slot
_SLICE = 1 << 15  # values looked up at once, at most


class Memo:
    """Values that are Python objects."""

    def __init__(self, code: Callable[[Any], int], limit: int | None = None) -> None:
        self.code = code
        self.half = max((limit or MEMO_LIMIT) // 2, 1)
        self.newer: dict[Any, int] = {}
        self.older: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self.newer) + len(self.older)

    def codes(self, raws: Iterable[Any]) -> Ints:
        return np.array(self.listed(raws), np.int64)

    def listed(self, raws: Iterable[Any]) -> list[int]:
        raws = list(raws)
        get = self.newer.get
        codes = [get(raw) for raw in raws]
        if None in codes:
            return [self._learn(raw) if code is None else code for raw, code in zip(raws, codes, strict=True)]
        return codes  # type: ignore[return-value]  # every None was replaced

    def _learn(self, raw: Any) -> int:
        code = self.newer.get(raw)
        if code is not None:
            return code
        code = self.older.get(raw)
        if code is None:
            code = self.code(raw)
        if len(self.newer) >= self.half:
            self.older, self.newer = self.newer, {}
        self.newer[raw] = code
        return code


class _Generation:
    """Values in the order of their numbers, and their codes."""

    def __init__(self, width: int) -> None:
        self.table = KeyTable(width)
        self.codes = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return self.table.count

    def add(self, codes: Ints) -> None:
        """Codes of the values that were entered last."""
        if self.table.count > len(self.codes):
            self.codes = np.concatenate((self.codes, np.zeros(max(self.table.count, 1_024), np.int64)))
        self.codes[self.table.count - len(codes) : self.table.count] = codes


class SpanMemo:
    """Values that lie in a text.

    learn: the codes of values of which none is remembered; by default the code of one after another
    width: values shorter than that are looked up all at once (one of lines.PADDED)
    limit: distinct values remembered (default MEMO_LIMIT)
    """

    def __init__(
        self,
        code: Callable[[Any], int],
        learn: Callable[[Spans], Sequence[int]] | None = None,
        width: int = PADDED[-1],
        limit: int | None = None,
    ) -> None:
        self.width = width
        self.half = max((limit or MEMO_LIMIT) // 2, 1)
        self.learn = learn or (lambda spans: [code(raw) for raw in spans])
        self.long = Memo(code, limit)
        self.newer, self.older = _Generation(width), _Generation(width)

    def __len__(self) -> int:
        return len(self.newer) + len(self.older) + len(self.long)

    def codes(self, column: Spans) -> Ints:
        most = min(self.half, _SLICE)
        short = column.end - column.start < self.width
        if len(column) <= most and short.all():
            return self._short(column)
        codes = np.empty(len(column), np.int64)
        if not short.all():
            codes[~short] = self.long.codes(column.take(~short))
        rows = np.flatnonzero(short)
        for first in range(0, len(rows), most):
            some = rows[first : first + most]
            codes[some] = self._short(column.take(some))
        return codes

    def _short(self, column: Spans) -> Ints:
        if len(self.newer) and len(self.newer) + len(column) > self.half:
            self.older, self.newer = self.newer, _Generation(self.width)
        keys = keys_of(column, self.width)
        numbers, new = self.newer.table.enter(keys)
        if len(new):
            self.newer.add(self._codes_of_new(column, keys[new], new))
        return self.newer.codes[numbers]

    def _codes_of_new(self, column: Spans, keys: Words, rows: Ints) -> Ints:
        if not len(self.older):
            return np.array(self.learn(column.take(rows)), np.int64)
        held = self.older.table.find(keys)
        codes = self.older.codes[held]
        unknown = np.flatnonzero(held < 0)
        codes[unknown] = self.learn(column.take(rows[unknown]))
        return codes
