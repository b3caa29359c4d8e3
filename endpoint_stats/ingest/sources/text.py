"""Text logs: lines of a format string -> columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any

from .base import Decoder, Rows
from .blocks import JOINT, BlockReader
from .format_string import Format, bind, parse
from .line_pattern import line_pattern, pieces

SMALLEST_BLOCK = 64
_FAN_OUT = 8


class TextSource:
    """Source of an nginx or Apache format string.

    There are two ways through a line with the same result: `split_by_pattern`, one regular expression a line,
    is the reference; `split` reads whole blocks where it can prove that all their lines are regular, and hands
    the rest to the first. ValueError when the format cannot be used, as parse and bind say.
    """

    def __init__(self, name: str, format_string: str, consumer_field: str = "", open_ended: bool = False) -> None:
        self.name = name
        self.consumer_field = consumer_field
        self._arguments = (name, format_string, consumer_field, open_ended)
        parsed: Format = parse(format_string, open_ended)
        bindings = bind(parsed, consumer_field)
        self.slots: Mapping[str, Decoder] = {slot: binding.decode for slot, binding in bindings.items()}
        self._places = {slot: binding.places for slot, binding in bindings.items()}
        needed = sorted({place for places in self._places.values() for place in places})
        self._groups = {place: group for group, place in enumerate(needed)}
        found, escaped = pieces(parsed, needed), parsed.escape != "none"
        self._match = line_pattern(found, escaped, open_ended).fullmatch
        self._blocks = BlockReader(found, escaped, open_ended)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextSource) and self._arguments == other._arguments

    def __hash__(self) -> int:
        return hash(self._arguments)

    def split(self, lines: list[bytes]) -> tuple[list[Rows], list[tuple[int, str]]]:
        """See Source.split. Rows come in at most two: those of the blocks, those of single lines."""
        joined = JOINT.join(lines)
        if b"\r" in joined:
            lines = _without_returns(lines)
            joined = JOINT.join(lines)
        index: list[int] = []
        blocks: list[dict[int, Sequence[bytes]]] = []
        irregular = self._read_blocks(lines, range(len(lines)), joined, index, blocks)
        rows = []
        if index:
            # One block is the rule; its columns are handed on without a copy.
            columns = blocks[0] if len(blocks) == 1 else _concatenated(blocks)
            rows.append(Rows(index, self._slot_columns(columns)))
        more, rejected = self._split_lines(lines, irregular)
        return rows + more, rejected

    def split_by_pattern(self, lines: list[bytes]) -> tuple[list[Rows], list[tuple[int, str]]]:
        """The same as split, line by line."""
        lines = _without_returns(lines)
        return self._split_lines(lines, list(range(len(lines))))

    def _read_blocks(
        self,
        lines: list[bytes],
        positions: Sequence[int],
        joined: bytes,
        index: list[int],
        blocks: list[dict[int, Sequence[bytes]]],
        plausible: bool = False,
    ) -> list[int]:
        """Read lines as one block, or in ever smaller ones around those that deviate.

        positions: of the lines within the whole; joined: JOINT.join(lines); plausible: all lines are.
        Adds to index and blocks, and returns the positions of the lines that no block can have, ascending.
        """
        if not lines:
            return []
        columns = self._blocks.read(lines, joined)
        if columns is not None:
            index.extend(positions)
            blocks.append(columns)
            return []
        if len(lines) <= SMALLEST_BLOCK:
            return list(positions)
        if not plausible:
            return self._read_plausible(lines, positions, index, blocks)
        irregular = []
        step = max(-(-len(lines) // _FAN_OUT), SMALLEST_BLOCK)
        for first in range(0, len(lines), step):
            some = lines[first : first + step]
            places = positions[first : first + step]
            irregular += self._read_blocks(some, places, JOINT.join(some), index, blocks, plausible=True)
        return irregular

    def _read_plausible(
        self,
        lines: list[bytes],
        positions: Sequence[int],
        index: list[int],
        blocks: list[dict[int, Sequence[bytes]]],
    ) -> list[int]:
        """_read_blocks without the lines that show at a glance that no block can have them."""
        good = self._blocks.plausible(lines)
        some = list(compress(lines, good))
        irregular = [position for position, fits in zip(positions, good, strict=True) if not fits]
        places = list(compress(positions, good))
        more = self._read_blocks(some, places, JOINT.join(some), index, blocks, plausible=True)
        return sorted(irregular + more)

    def _split_lines(self, lines: list[bytes], positions: list[int]) -> tuple[list[Rows], list[tuple[int, str]]]:
        index: list[int] = []
        found: list[tuple[bytes, ...]] = []
        rejected: list[tuple[int, str]] = []
        match = self._match
        for position in positions:
            line = lines[position]
            if matched := match(line):
                index.append(position)
                found.append(matched.groups())
            else:
                rejected.append((position, "format_mismatch" if line else "line_empty"))
        if not index:
            return [], rejected
        groups = list(zip(*found, strict=True))
        columns = {place: groups[group] for place, group in self._groups.items()}
        return [Rows(index, self._slot_columns(columns))], rejected

    def _slot_columns(self, columns: Mapping[int, Sequence[bytes]]) -> dict[str, Sequence[Any]]:
        return {
            slot: columns[places[0]]
            if len(places) == 1
            else list(zip(*(columns[place] for place in places), strict=True))
            for slot, places in self._places.items()
        }


def _without_returns(lines: list[bytes]) -> list[bytes]:
    """Lines without one trailing carriage return each, which files from Windows have."""
    return [line.removesuffix(b"\r") for line in lines]


def _concatenated(blocks: list[dict[int, Sequence[bytes]]]) -> dict[int, Sequence[bytes]]:
    return {place: [value for block in blocks for value in block[place]] for place in blocks[0]}
