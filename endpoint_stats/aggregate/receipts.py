"""What a commit of live hits says besides its counts: the ledger's entries and samples of requests. It travels in the
commit's journal row, so that it stands or falls with the counts, and is added up when that row is compacted."""

from collections.abc import Iterable
from typing import Any

import msgspec

MAX_REFUSED = 20  # refused entries that are shown of one ledger row


class Entry(msgspec.Struct, array_like=True):
    """What one key sent in one hour, as far as one commit knows: received = stored + duplicate + the refused.

    batch: id of the ledger's row, 16 bytes; hour: the minute at which the hour begins
    first, last: epoch seconds of the first and last hit; seen: epoch seconds of the last request
    refused: samples of what was refused, as the ledger shows them
    """

    batch: bytes
    source: str
    key_prefix: str
    hour: int
    seen: int
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: dict[str, int] = {}
    refused: list[dict[str, Any]] = []
    first: int | None = None
    last: int | None = None

    def add(self, other: "Entry") -> None:
        """Add what another entry of the same batch says."""
        self.seen = max(self.seen, other.seen)
        self.received += other.received
        self.stored += other.stored
        self.duplicate += other.duplicate
        self.rejected = {
            reason: self.rejected.get(reason, 0) + other.rejected.get(reason, 0)
            for reason in {**self.rejected, **other.rejected}
        }
        self.refused = (self.refused + other.refused)[:MAX_REFUSED]
        self.first = min((one for one in (self.first, other.first) if one is not None), default=None)
        self.last = max((one for one in (self.last, other.last) if one is not None), default=None)


class Sampled(msgspec.Struct, array_like=True):
    """One request as an example; see models.Sample."""

    time: int
    endpoint: int
    second: int
    failing: bool
    status: int
    duration_us: int | None = None
    path: str = ""
    consumer: str = ""
    version: str = ""
    trace_id: str = ""
    client_address: str = ""


class Receipts(msgspec.Struct, array_like=True):
    entries: list[Entry] = []
    samples: list[Sampled] = []


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Receipts)


def pack(receipts: Receipts) -> bytes:
    return _encoder.encode(receipts)


def unpack(packed: bytes) -> Receipts:
    """Raises msgspec.DecodeError when the bytes are damaged."""
    return _decoder.decode(packed)


def by_batch(entries: Iterable[Entry]) -> list[Entry]:
    """One entry a batch, in the order of their first."""
    found: dict[bytes, Entry] = {}
    for entry in entries:
        if entry.batch in found:
            found[entry.batch].add(entry)
        else:
            found[entry.batch] = msgspec.structs.replace(entry)
    return list(found.values())


KEPT_SLOW, KEPT_ERRORS, KEPT_CLIENT_ERRORS = 2, 2, 1


def _kind(one: Sampled) -> int:
    return 0 if not one.failing else 5 if one.status >= 500 else 4


_KEPT = {0: KEPT_SLOW, 5: KEPT_ERRORS, 4: KEPT_CLIENT_ERRORS}


def best(samples: Iterable[Sampled]) -> list[Sampled]:
    """Of each endpoint and minute the slowest, and the first that failed; the same for any order of slow ones."""
    kept: dict[tuple[int, int, int], list[Sampled]] = {}
    for one in samples:
        kept.setdefault((one.time, one.endpoint, _kind(one)), []).append(one)
    found: list[Sampled] = []
    for (_, _, kind), several in sorted(kept.items()):
        if kind == 0:
            several.sort(key=lambda one: -(one.duration_us or 0))
        found += several[: _KEPT[kind]]
    return found
