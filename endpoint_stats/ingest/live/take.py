"""One request from its body to its answer: hits as JSON, and raw lines of an access log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any
from uuid import UUID

import numpy as np

from accounts.keys import known_keys
from accounts.models import ApiKey
from endpoint_stats.ingest.encode import MAX_SAMPLES
from endpoint_stats.ingest.redact import sample
from endpoint_stats.ingest.sources.base import REASONS, Reject, Rejected, Source
from endpoint_stats.ingest.sources.hits import Hit, HitsSource, rows_of
from endpoint_stats.ingest.sources.known import address_source, recognise, resolve
from endpoint_stats.ingest.sources.lines import Ints, Lines
from endpoint_stats.ingest.sources.targets import service_name
from endpoint_stats.models import SourceKind
from endpoint_stats.store.counting import claim
from endpoint_stats.store.live import Acknowledged, Identity, Points, Verdict

from .bodies import decode_hits
from .door import Delivery, Door
from .parts import FEW, Part
from .samples import Request

KEPT = timedelta(days=14)  # for which an Idempotency-Key is known
MAX_IDEMPOTENCY_KEY = 200
MAX_ERRORS = 20  # refused hits that an answer names

_HITS = HitsSource()


@dataclass(slots=True)
class Answer:
    """What the sender is told. ``errors`` names the first refused hits by their index and reason."""

    batch: str
    received: int
    stored: int
    duplicate: int
    rejected: dict[str, int]
    errors: list[dict[str, Any]] = field(default_factory=list)


class Refused(Exception):
    """Nothing of the request was stored; status and code are the problem's, the text says what to do."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code = status, code


def identity_of(key: ApiKey, idempotency_key: str, body: bytes) -> Identity | None:
    """By which a request is known again; None without an Idempotency-Key. Raises Refused for one that is too long."""
    if not idempotency_key:
        return None
    if len(idempotency_key) > MAX_IDEMPOTENCY_KEY:
        raise Refused(
            400, "idempotency_key_too_long", f"An Idempotency-Key has at most {MAX_IDEMPOTENCY_KEY} characters."
        )
    return Identity(_digest(f"{key.pk}\0{idempotency_key}".encode(), b"key"), _digest(body, b"body"), KEPT)


def _digest(data: bytes, what: bytes) -> UUID:
    return UUID(bytes=blake2b(data, digest_size=16, person=what).digest())


@dataclass(slots=True)
class Taken:
    """What was read of a body: hits for the commit, and what became of the others.

    refused: the first few of each reason, as the ledger shows them
    """

    received: int
    part: Part | None = None
    rejected: Counter[str] = field(default_factory=Counter)
    refused: list[dict[str, Any]] = field(default_factory=list)


def take_hits(door: Door, key: ApiKey, body: bytes, idempotency_key: str, now: datetime) -> Answer:
    """Store the hits of a body. Raises BodyError, Refused, or OperationalError where the database is away."""
    identity = identity_of(key, idempotency_key, body)
    batch = decode_hits(body)
    part, refused = encode_hits(door, batch.hits, batch.index, now)
    taken = Taken(batch.received, part)
    for place, reason in sorted(batch.rejected + refused):
        taken.rejected[reason] += 1
        if taken.rejected[reason] <= MAX_SAMPLES:
            taken.refused.append({"index": place, "reason": reason, "text": sample(batch.texts(place))})
    return commit(door, key, SourceKind.HITS, taken, identity, now)


def encode_hits(
    door: Door, hits: Sequence[Hit], index: Ints, now: datetime, weights: Sequence[int] | None = None
) -> tuple[Part, list[Rejected]]:
    """Hits as a part of a commit; and those that are none, by their place.

    index: int64, the place of each in what was sent; weights: how many requests each stands for
    """
    rows, missing = rows_of(hits, index)
    with door.encoding:
        encoder = door.encoder(_HITS, "", now)
        encode = encoder.encode_few if len(hits) <= FEW else encoder.encode_rows
        encoded, places, refused = encode(rows)
        names = encoder.names
    at = np.searchsorted(index, places).tolist() if len(places) < len(hits) else range(len(hits))

    def describe(row: int) -> Request:
        hit = hits[at[row]]
        shown = (hit.path, hit.consumer, hit.version, hit.trace_id, hit.client_address)
        return Request(*(value or "" for value in shown))

    counts = None if weights is None else [weights[place] for place in at]
    return Part(encoded, names, describe, counts), missing + refused


def take_logs(
    door: Door,
    key: ApiKey,
    body: bytes,
    idempotency_key: str,
    now: datetime,
    *,
    service: str = "",
    format: str = "auto",
) -> Answer:
    """Store the lines of an access log. Raises as ``take_hits`` does."""
    identity = identity_of(key, idempotency_key, body)
    source = _source_of(door, body, format)
    if source is None:
        return commit(door, key, SourceKind.LOGS, Taken(0), identity, now)
    with door.encoding:
        encoder = door.encoder(source, service_name(service), now)
        encoded = encoder.encode(body)
        names = encoder.names
    lines = _Lines(body)

    def describe(row: int) -> Request:
        return _described(source, lines[int(encoded.index[row])], door.settings.client_addresses)

    taken = Taken(encoded.lines, Part(encoded.hits, names, describe), encoded.rejected, encoded.samples)
    return commit(door, key, SourceKind.LOGS, taken, identity, now)


class _Lines:
    """Lines by number, split only when one is wanted."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.split: list[bytes] | None = None

    def __getitem__(self, line: int) -> bytes:
        if self.split is None:
            self.split = self.body.split(b"\n")
        return self.split[line]


def _source_of(door: Door, body: bytes, format: str) -> Source | None:
    """The log's format as named, or by its lines; None where there are none. Raises Refused."""
    if not body.strip():
        return None
    try:
        if format != "auto":
            return resolve(format)
        return recognise(body[: 1 << 16].split(b"\n"))[0]
    except ValueError as error:
        raise Refused(
            422, "format_unknown", f"{error} Name the format: ?format=combined, or a format string."
        ) from error


def _described(source: Source, line: bytes, with_address: bool) -> Request:
    rows, _ = source.read(Lines(line))
    found: dict[str, str] = {}
    for slot in ("consumer", "version"):
        if slot in source.slots:
            found[slot] = source.slots[slot](rows.columns[slot][0])
    try:
        path = source.slots["target"](rows.columns["target"][0])[1]
    except Reject:
        path = ""
    addresses = address_source(source.name) if with_address else None
    if addresses is not None:
        rows, _ = addresses.read(Lines(line))
        found["client_address"] = addresses.slots["consumer"](rows.columns["consumer"][0])
    return Request(path, **found)


def commit(door: Door, key: ApiKey, source: str, taken: Taken, identity: Identity | None, now: datetime) -> Answer:
    """Store what was taken, and say what became of it. Raises OverQuota too."""
    door.keep_quotas(key, taken.received)
    if taken.part is not None and len(taken.part):
        others = samples_only(door, taken.part, source)
        if others:
            taken.rejected["samples_only"] += others
    return _answer(key, taken, door.deliver(_delivery(key, source, taken, identity), now))


def commit_points(
    door: Door, key: ApiKey, taken: Taken, points: Points, identity: Identity | None, now: datetime
) -> Answer:
    """The same for points of metrics."""
    door.keep_quotas(key, taken.received)
    done = door.deliver_points(_delivery(key, SourceKind.METRICS, taken, identity), points, now)
    return _answer(key, taken, done)


def _delivery(key: ApiKey, source: str, taken: Taken, identity: Identity | None) -> Delivery:
    rejected = dict(sorted(taken.rejected.items()))
    return Delivery(key, source, taken.received, taken.part, rejected, taken.refused, identity)


def _answer(key: ApiKey, taken: Taken, done: Acknowledged) -> Answer:
    rejected = dict(sorted(taken.rejected.items()))
    if done.verdict is Verdict.KEY_GONE:
        known_keys.forget(key)
        raise Refused(401, "key_invalid", "This API key was revoked or has expired. Create another one.")
    if done.verdict is Verdict.OTHER_BODY:
        raise Refused(
            409,
            "idempotency_key_reused",
            "This Idempotency-Key came with another body before. Give each batch a key of its own.",
        )
    if done.verdict is Verdict.DUPLICATE:
        return Answer(str(done.batch), done.received, 0, done.received, {})
    errors = [
        {**{name: one[name] for name in ("index", "line") if name in one}, "reason": one["reason"],
         "detail": REASONS[one["reason"]]}
        for one in taken.refused[:MAX_ERRORS]
    ]  # fmt: skip
    stored = taken.received - sum(rejected.values())
    return Answer(str(done.batch), taken.received, stored, 0, rejected, errors)


def samples_only(door: Door, part: Part, source: str) -> int:
    """Of a part's hits, let only those count whose service this source counts for. Returns how many do not."""
    services = {endpoint.service for endpoint in part.endpoints()}
    unknown = services - door.counting.keys()
    if unknown:
        door.counting = {**door.counting, **claim(door.project.pk, unknown, source)}
    others = {service for service in services if door.counting[service] != source}
    return part.leave_out(others) if others else 0
