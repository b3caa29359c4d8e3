"""Tables of counts by key, as columns: what a journal row, a rollup level and a query add up."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import zstandard

from . import words

Ints = npt.NDArray[np.int64]

SUMS = ("requests", "client_errors", "errors", "timed", "duration_us", "request_bytes", "response_bytes")
HIT_KEYS = ("time", "endpoint", "release", "traffic")
TOTAL_KEYS = ("time", "release", "traffic")
CONSUMER_KEYS = ("time", "consumer", "endpoint")
CALLER_KEYS = ("time", "consumer")


@dataclass(slots=True)
class Table:
    """``n`` rows by key. After ``combine`` the keys are unique and ascending, and the words canonical.

    keys: one int64[n] a key column, the first always ``time`` (minutes)
    sums: int64[n, len(SUMS)]; negative where a rollback takes away
    error_extra: int64[n], relative error beyond the sketch's, in 1/10,000
    entries: decoded words; ``row`` points into the table and ascends
    """

    keys: tuple[Ints, ...]
    sums: Ints
    error_extra: Ints
    entries: words.Entries

    def __len__(self) -> int:
        return len(self.error_extra)


def empty(key_columns: int) -> Table:
    none = np.zeros(0, np.int64)
    return Table((none,) * key_columns, np.zeros((0, len(SUMS)), np.int64), none, words.Entries(none, none, none, none))


def negate(table: Table) -> Table:
    entries = table.entries._replace(count=-table.entries.count)
    return Table(table.keys, -table.sums, table.error_extra, entries)


def take(table: Table, keep: npt.NDArray[np.bool_]) -> Table:
    """The rows where ``keep`` is true."""
    if keep.all():
        return table
    new_row = np.cumsum(keep) - 1
    wanted = keep[table.entries.row]
    row, status, slot, count = (part[wanted] for part in table.entries)
    entries = words.Entries(new_row[row], status, slot, count)
    return Table(tuple(key[keep] for key in table.keys), table.sums[keep], table.error_extra[keep], entries)


def with_keys(table: Table, keys: tuple[Ints, ...]) -> Table:
    """The same rows under other keys, which may repeat: ``combine`` adds those up."""
    return Table(keys, table.sums, table.error_extra, table.entries)


def coarser(table: Table, size: int) -> Table:
    """The same rows in buckets of ``size`` minutes; not combined yet."""
    time = table.keys[0]
    return with_keys(table, (time - time % size, *table.keys[1:]))


def concatenate(tables: Sequence[Table]) -> Table:
    """All rows of tables with the same key columns, one after another; at least one table."""
    tables = [table for table in tables if len(table)] or tables[:1]
    if len(tables) == 1:
        return tables[0]
    starts = np.cumsum([0, *(len(table) for table in tables)])
    parts = [table.entries for table in tables]
    row = np.concatenate([part.row + start for part, start in zip(parts, starts, strict=False)])
    rest = (np.concatenate([part[field] for part in parts]) for field in (1, 2, 3))
    return Table(
        tuple(np.concatenate(column) for column in zip(*(table.keys for table in tables), strict=True)),
        np.concatenate([table.sums for table in tables]),
        np.concatenate([table.error_extra for table in tables]),
        words.Entries(row, *rest),
    )


def _one_column(keys: Sequence[Ints], bits: int) -> Ints | None:
    """The keys as one int64 of so many bits that sorts as they do, where their ranges allow it."""
    lowest = [int(key.min()) for key in keys]
    spans = [int(key.max()) - low + 1 for key, low in zip(keys, lowest, strict=True)]
    if math.prod(spans) >= 1 << bits:
        return None
    packed = np.zeros(len(keys[0]), np.int64)
    for key, low, span in zip(keys, lowest, spans, strict=True):
        if span > 1:
            packed *= span
            packed += key - low
    return packed


def ranks(keys: Sequence[Ints], bits: int) -> Ints:
    """For each row a number of at most so many bits; numbers are equal, and sort, as the rows' keys do."""
    packed = _one_column(keys, bits)
    return group(keys)[1] if packed is None else packed


def starts_of_runs(values: Ints) -> Ints:
    """Where each run of equal values starts."""
    first = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=first[1:])
    return np.flatnonzero(first)


def _in_order(keys: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Rows in ascending order of their keys, and where in that order each distinct key begins. At least one row."""
    packed = _one_column(keys, 62)
    if packed is not None:
        order = np.argsort(packed, kind="stable")  # a merge of runs, which is what joined tables are
        return order, starts_of_runs(packed[order])
    order = np.lexsort(keys[::-1])
    first = np.zeros(len(order), bool)
    first[0] = True
    for column in keys:
        ordered = column[order]
        first[1:] |= ordered[1:] != ordered[:-1]
    return order, np.flatnonzero(first)


def _index(order: Ints, starts: Ints) -> Ints:
    """For each row the index of its key."""
    index = np.empty(len(order), np.int64)
    index[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
    return index


def group(keys: Sequence[Ints]) -> tuple[tuple[Ints, ...], Ints]:
    """Distinct keys in ascending order, and for each row the index of its key."""
    if not len(keys[0]):
        return tuple(keys), np.zeros(0, np.int64)
    order, starts = _in_order(keys)
    return tuple(key[order[starts]] for key in keys), _index(order, starts)


def add_up(values: Ints, index: Ints, groups: int) -> Ints:
    """Integer sums of ``values`` (int64[n] or int64[n, k]) by group."""
    result = np.zeros((groups, *values.shape[1:]), np.int64)
    if values.ndim == 1:
        np.add.at(result, index, values)
    else:
        # Column by column: numpy is quick with one dimension only.
        for column in range(values.shape[1]):
            result[:, column] = add_up(values[:, column], index, groups)
    return result


def combine(*tables: Table) -> Table:
    """One table with each key once: sums added, sketches merged, the larger error kept. Order never matters."""
    table = concatenate(tables)
    if not len(table):
        return table
    order, starts = _in_order(table.keys)
    sums, error_extra = table.sums[order], table.error_extra[order]
    if len(starts) < len(order):
        sums, error_extra = np.add.reduceat(sums, starts), np.maximum.reduceat(error_extra, starts)
    entries = words.total(_entries_of(table.entries, order, starts))
    return Table(tuple(key[order[starts]] for key in table.keys), sums, error_extra, entries)


def _entries_of(entries: words.Entries, order: Ints, starts: Ints) -> words.Entries:
    """The entries of rows that are put in ``order``, of which a new row begins at each of ``starts``.

    Moved row by row, so that ``total`` finds nearly all of them sorted.
    """
    counts = np.bincount(entries.row, minlength=len(order))
    first, moved = np.cumsum(counts) - counts, counts[order]
    source = np.repeat(first[order] - (np.cumsum(moved) - moved), moved) + np.arange(len(entries.row))
    row = np.repeat(np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order))), moved)
    return words.Entries(row, *(part[source] for part in entries[1:]))


class _Packed(msgspec.Struct):
    """A table as it travels: raw little-endian columns."""

    keys: list[bytes]
    sums: bytes
    error_extra: bytes
    words: bytes
    offsets: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[_Packed])


_local = threading.local()


def compressor() -> zstandard.ZstdCompressor:
    """One for each thread: making one takes longer than compressing a small table."""
    found: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if found is None:
        found = _local.compressor = zstandard.ZstdCompressor(level=1)
    return found


def _bytes(values: npt.NDArray[np.generic]) -> bytes:
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


class Columns(NamedTuple):
    """A table as it was packed, with its words as they are.

    keys: one int64[n] a key column; sums: int64[len(SUMS), n]; error_extra: int64[n]
    words: uint32, those of row r at ``offsets[r]:offsets[r + 1]`` (int64[n + 1])
    """

    keys: tuple[Ints, ...]
    sums: Ints
    error_extra: Ints
    words: words.Words
    offsets: Ints


def columns_of(table: Table) -> Columns:
    """A table (combined, no negative counts) as it is packed."""
    content, offsets = words.encode(table.entries, len(table))
    return Columns(table.keys, table.sums.T.copy(), table.error_extra, content, offsets)


def pack(tables: Sequence[Table]) -> bytes:
    """Tables (combined, no negative counts) as bytes: msgpack of raw columns, zstd."""
    packed = [
        _Packed([_bytes(key) for key in part.keys], *(_bytes(column) for column in part[1:]))
        for part in map(columns_of, tables)
    ]
    return compressor().compress(_encoder.encode(packed))


def unpack_columns(payload: bytes) -> list[Columns]:
    """What ``pack`` packed. Raises zstandard.ZstdError or msgspec.DecodeError when the bytes are damaged."""
    return [
        Columns(
            tuple(np.frombuffer(key, "<i8") for key in packed.keys),
            np.frombuffer(packed.sums, "<i8").reshape(len(SUMS), -1),
            np.frombuffer(packed.error_extra, "<i8"),
            np.frombuffer(packed.words, "<u4"),
            np.frombuffer(packed.offsets, "<i8"),
        )
        for packed in _decoder.decode(zstandard.ZstdDecompressor().decompress(payload))
    ]


def unpack(payload: bytes) -> list[Table]:
    """The tables of ``pack``. Raises as ``unpack_columns`` does."""
    return [
        Table(part.keys, part.sums.T, part.error_extra, words.decode(part.words, part.offsets))
        for part in unpack_columns(payload)
    ]
