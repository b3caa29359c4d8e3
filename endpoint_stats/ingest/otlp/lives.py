"""What is remembered of a cumulative stream: its last point, for each process that writes it, packed.

A stream should have one writer. Processes that are forked by one server and share a resource without
``service.instance.id`` all write the same stream; their points differ by the start, so each *life* (a start) is
followed by itself.
"""

from __future__ import annotations

import zlib
from hashlib import blake2b
from typing import Literal

import msgspec

from .points import Explicit, Exponential, Point

VERSION: Literal[1] = 1
MAX_LIVES = 64
SILENT = 24 * 3_600 * 10**9  # nanoseconds after which a life is given up where others go on
_CRC = 4


class PackedExplicit(msgspec.Struct, array_like=True, tag=0, frozen=True):
    """shape: digest of the bounds."""

    shape: bytes
    counts: tuple[int, ...]


class PackedExponential(msgspec.Struct, array_like=True, tag=1, frozen=True):
    """As points.Exponential."""

    scale: int
    zero_count: int
    zero_threshold: float
    offset: int
    counts: tuple[int, ...]
    per_second: float


class Life(msgspec.Struct, array_like=True, frozen=True):
    """The newest point of one start. sum: seconds, None where unknown."""

    start: int
    time: int
    count: int
    sum: float | None
    buckets: PackedExplicit | PackedExponential


class Lives(msgspec.Struct, array_like=True):
    """since: the time (ns) of the series' first point. forgotten: the latest start of a life that was given up, -1 for
    none: one that is not among the lives and began later is new. lives: newest first."""

    version: Literal[1]
    since: int
    forgotten: int
    lives: list[Life]

    def of(self, start: int) -> Life | None:
        return next((life for life in self.lives if life.start == start), None)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Lives).decode


def shape_of(bounds: tuple[float, ...]) -> bytes:
    return blake2b(_encode(bounds), digest_size=8).digest()


def life_of(point: Point) -> Life:
    kept = point.buckets
    if isinstance(kept, Explicit):
        packed: PackedExplicit | PackedExponential = PackedExplicit(shape_of(kept.bounds), kept.counts)
    else:
        packed = PackedExponential(
            kept.scale, kept.zero_count, kept.zero_threshold, kept.offset, kept.counts, kept.per_second
        )
    return Life(point.start, point.time, point.count, point.sum, packed)


def exponential(packed: PackedExponential) -> Exponential:
    return Exponential(*(getattr(packed, name) for name in packed.__struct_fields__))


def remember(lives: Lives | None, point: Point) -> bytes:
    """Packed: the lives with the point in its life's place, less those that are too many or silent for a day."""
    newest = life_of(point)
    if lives is None:
        return pack(Lives(VERSION, point.time, -1, [newest]))
    others = [life for life in lives.lives if life.start != newest.start]
    kept = [life for life in others if life.time + SILENT >= newest.time][: MAX_LIVES - 1]
    starts = {life.start for life in kept}
    forgotten = max([lives.forgotten, *(life.start for life in others if life.start not in starts)])
    return pack(Lives(VERSION, lives.since, forgotten, sorted([newest, *kept], key=lambda life: -life.time)))


def pack(lives: Lives) -> bytes:
    content = _encode(lives)
    return zlib.crc32(content).to_bytes(_CRC) + content


def unpack(state: bytes | None) -> Lives | None:
    """None for no state, one of another version, and a damaged one."""
    if not state or zlib.crc32(state[_CRC:]).to_bytes(_CRC) != state[:_CRC]:
        return None
    try:
        return _decode(state[_CRC:])
    except msgspec.DecodeError:
        return None
