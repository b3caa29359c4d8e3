"""Hits under a project's keys, as a live commit carries them.

They are folded by whoever reads the journal, many commits at once: to fold a few hits takes as long as to fold
thousands, and a commit of live hits mostly has a few.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import zstandard

from . import words
from .fold import table_of
from .sketch import slots_of
from .table import CONSUMER_KEYS, Ints, Table, compressor, empty, with_keys

# What a payload of hits begins with: one of tables begins with zstd's magic number, which this is not.
MARK = b"\x01"


class KeyedHit(NamedTuple):
    """One hit: time in minutes, duration in ns or NO_DURATION, sizes in bytes; ``weight`` is how many requests it
    stands for."""

    time: int
    endpoint: int
    release: int
    consumer: int
    traffic: int
    status: int
    duration: int
    request_size: int
    response_size: int
    weight: int


class KeyedHits(NamedTuple):
    """The same as columns, int64[n] each."""

    time: Ints
    endpoint: Ints
    release: Ints
    consumer: Ints
    traffic: Ints
    status: Ints
    duration: Ints
    request_size: Ints
    response_size: Ints
    weight: Ints


_FORMATS = ("i", "q", "q", "q", "b", "h", "q", "q", "q", "q")
_row = struct.Struct("<" + "".join(_FORMATS))
_ROW = np.dtype([(name, f"<{form}") for name, form in zip(KeyedHits._fields, _FORMATS, strict=True)])


def pack_hits(hits: KeyedHits | Sequence[KeyedHit]) -> bytes:
    """Hits as bytes: rows of a fixed width, zstd."""
    if isinstance(hits, KeyedHits):
        rows = np.empty(len(hits.time), _ROW)
        for name, column in zip(hits._fields, hits, strict=True):
            rows[name] = column
        data = rows.tobytes()
    else:
        data = b"".join([_row.pack(*hit) for hit in hits])
    return MARK + compressor().compress(data)


def holds_hits(payload: bytes) -> bool:
    """Whether a journal's payload is of ``pack_hits``; else it is of ``table.pack``."""
    return payload[:1] == MARK


def unpack_hits(payloads: Iterable[bytes]) -> KeyedHits:
    """All hits of many payloads. Raises zstandard.ZstdError or ValueError when bytes are damaged."""
    decompress = zstandard.ZstdDecompressor().decompress
    rows = np.frombuffer(b"".join([decompress(memoryview(payload)[1:]) for payload in payloads]), _ROW)
    return KeyedHits(*(rows[name].astype(np.int64) for name in KeyedHits._fields))


def fold_hits(hits: KeyedHits) -> tuple[Table, Table]:
    """Their tables by endpoint and by consumer, combined."""
    if not len(hits.time):
        return empty(4), empty(len(CONSUMER_KEYS))
    slot = slots_of(hits.duration)
    slot[hits.duration < 0] = words.UNTIMED
    weights = None if (hits.weight == 1).all() else hits.weight
    by_endpoint = _table((hits.time, hits.endpoint, hits.release, hits.traffic), hits, slot, weights)
    known = hits.consumer != 0
    if not known.any():
        return by_endpoint, empty(len(CONSUMER_KEYS))
    some = hits if known.all() else KeyedHits(*(column[known] for column in hits))
    if not known.all():
        slot, weights = slot[known], None if weights is None else weights[known]
    return by_endpoint, _table((some.time - some.time % 60, some.consumer, some.endpoint), some, slot, weights)


def _table(keys: tuple[Ints, ...], hits: KeyedHits, slot: Ints, weights: Ints | None) -> Table:
    """By places among the distinct values, which sort as the keys do and are small numbers."""
    values, places = zip(*(np.unique(key, return_inverse=True) for key in keys), strict=True)
    table = table_of(places, hits, slot, weights)
    return with_keys(table, tuple(value[place] for value, place in zip(values, table.keys, strict=True)))
