"""Text logs: lines of a format string -> columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .base import ArrayDecoder, ColumnDecoder, Decoder, Rejected, Rows
from .format_string import Format, bind, parse
from .line_pattern import line_pattern, pieces
from .lines import Ints, Lines, Spans
from .parts import Columns, LineReader


class TextSource:
    """Source of an nginx or Apache format string.

    There are two ways through a line with the same result: `read_by_pattern`, one regular expression a line,
    is the reference; `read` reads all lines at once that are regular, and hands the rest to the first.
    ValueError when the format cannot be used, as parse and bind say.
    """

    def __init__(self, name: str, format_string: str, consumer_field: str = "", open_ended: bool = False) -> None:
        self.name = name
        self.consumer_field = consumer_field
        self._arguments = (name, format_string, consumer_field, open_ended)
        parsed: Format = parse(format_string, open_ended)
        bindings = bind(parsed, consumer_field)
        self.slots: Mapping[str, Decoder] = {slot: binding.decode for slot, binding in bindings.items()}
        self.columns: Mapping[str, ColumnDecoder] = {
            slot: binding.column for slot, binding in bindings.items() if binding.column
        }
        self.arrays: Mapping[str, ArrayDecoder] = {}
        self._places = {slot: binding.places for slot, binding in bindings.items()}
        self._needed = sorted({place for places in self._places.values() for place in places})
        found, escaped = pieces(parsed, self._needed), parsed.escape != "none"
        self._match = line_pattern(found, escaped, open_ended).fullmatch
        self._reader = LineReader(found, escaped, open_ended)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextSource) and self._arguments == other._arguments

    def __hash__(self) -> int:
        return hash(self._arguments)

    def read(self, lines: Lines) -> tuple[Rows, list[Rejected]]:
        """See Source.read."""
        index, columns = self._reader.read(lines)
        if len(index) == len(lines):
            return self._rows(index, columns), []
        irregular = np.ones(len(lines), bool)
        irregular[index] = False
        more, others, rejected = self._match_lines(lines, np.flatnonzero(irregular))
        if len(more):
            order = np.argsort(np.concatenate((index, more)))
            index = np.concatenate((index, more))[order]
            columns = {place: _joined(spans, others[place], order) for place, spans in columns.items()}
        return self._rows(index, columns), rejected

    def read_by_pattern(self, lines: Lines) -> tuple[Rows, list[Rejected]]:
        """The same as read, line by line."""
        index, columns, rejected = self._match_lines(lines, np.arange(len(lines)))
        return self._rows(index, columns), rejected

    def _match_lines(self, lines: Lines, wanted: Ints) -> tuple[Ints, Columns, list[Rejected]]:
        """Lines that match (of those wanted, ascending), place -> column of them, and those that do not."""
        index: list[int] = []
        regions: list[tuple[tuple[int, int], ...]] = []
        rejected: list[Rejected] = []
        starts = lines.newlines[wanted] + 1
        for number, start, end in zip(wanted.tolist(), starts.tolist(), lines.ends[wanted].tolist(), strict=True):
            if matched := self._match(lines.data[start:end]):
                index.append(number)
                regions.append(matched.regs)
            else:
                rejected.append((number, "line_empty" if start == end else "format_mismatch"))
        at = np.array(index, np.int64)
        first = lines.newlines[at] + 1
        bounds = np.array(regions, np.int64).reshape(len(at), len(self._needed) + 1, 2) + first[:, None, None]
        columns = {
            place: Spans(lines, bounds[:, group, 0], bounds[:, group, 1])
            for group, place in enumerate(self._needed, start=1)
        }
        return at, columns, rejected

    def _rows(self, index: Ints, columns: Columns) -> Rows:
        return Rows(
            index,
            {
                slot: columns[places[0]]
                if len(places) == 1
                else list(zip(*(columns[place] for place in places), strict=True))
                for slot, places in self._places.items()
            },
        )


def _joined(some: Spans, others: Spans, order: Ints) -> Spans:
    start = np.concatenate((some.start, others.start))[order]
    return Spans(some.lines, start, np.concatenate((some.end, others.end))[order])
