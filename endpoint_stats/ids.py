"""Ids made by the application, the same on every database and every node of a cluster."""

import os
import time
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from uuid import UUID


def uuid7() -> UUID:
    """A UUIDv7 (RFC 9562): 48 bits of milliseconds, then random. New rows land at the end of an index."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10))
    value = (value & ~(0xF << 76)) | (7 << 76)
    value = (value & ~(0x3 << 62)) | (2 << 62)
    return UUID(int=value)


def first_id_of(moment: datetime) -> UUID:
    """The least id that ``uuid7`` can make from then on."""
    return UUID(int=(int(moment.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62))


def millisecond_of_id(id: UUID) -> int:
    """The epoch millisecond in which ``uuid7`` made it."""
    return id.int >> 80


def minute_of_id(id: UUID) -> int:
    """The minute in which ``uuid7`` made it."""
    return millisecond_of_id(id) // 60_000


@lru_cache(20_000)
def name_key(*names: str) -> int:
    """A signed 64-bit key of names, stable for ever: what rollup rows hold in the place of text.

    All names empty is 0, the key of "unknown". 64 bits: a project with a million names has two alike
    with a probability of 1 in 37 million.
    """
    if not any(names):
        return 0
    digest = blake2b("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True) or 1


def row_id(project_id: int, key: int) -> UUID:
    """The UUID of the row that stands for ``key`` in a project: a function of both, so that two writers agree."""
    return UUID(bytes=blake2b(f"{project_id}:{key}".encode(), digest_size=16).digest(), version=5)
