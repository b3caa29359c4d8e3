"""The acknowledged path: identities, journal row and the ledger's counts of all requests of a group in one
transaction. What was answered with 2xx is committed, and counted once, whatever is killed next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, DataError, connection, connections, transaction
from psycopg import Cursor

from accounts.models import ApiKey
from endpoint_stats.aggregate import receipts
from endpoint_stats.aggregate.fold import Delta
from endpoint_stats.aggregate.receipts import Entry, Receipts, Sampled
from endpoint_stats.aggregate.table import pack
from endpoint_stats.ids import uuid7
from endpoint_stats.models import Journal, Receipt

from .append import insert_names
from .names import NewNames, ProjectNames, Resolved
from .points import asked_for, reached


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a request is known again: see models.Receipt."""

    id: UUID
    body: UUID
    lasts: timedelta


@dataclass(slots=True)
class Sent:
    """One request on its way to be committed. ``hits`` is what the caller's fold understands."""

    key_id: str
    entry: Entry
    identity: Identity | None
    hits: Any = None


class Verdict(Enum):
    STORED = "stored"
    DUPLICATE = "duplicate"
    OTHER_BODY = "other body"  # the same Idempotency-Key came with another body before
    KEY_GONE = "key gone"  # revoked or expired since the request began


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What became of a request; ``batch`` and ``received`` of a duplicate are those of the first one."""

    verdict: Verdict
    batch: UUID | None = None
    received: int = 0


@dataclass(slots=True)
class Added:
    """What some requests add: a payload of hits or of tables, how many keys it has at most, and what goes with it."""

    payload: bytes
    keys: int
    new: NewNames = field(default_factory=NewNames)
    samples: list[Sampled] = field(default_factory=list)

    @classmethod
    def of(cls, resolved: Resolved) -> "Added":
        tables = [resolved.hits, resolved.by_consumer]
        return cls(pack(tables), sum(map(len, tables)), resolved.new)


class Points(Protocol):
    """Points of metrics, which know what they add once they see where their streams stood."""

    def wanted(self) -> set[UUID]:
        """Ids of the streams, and of who writes them, whose states ``fold`` needs."""
        ...

    def fold(self, states: Mapping[UUID, bytes | None]) -> tuple[Delta, dict[UUID, bytes]]:
        """What they add, and the new states."""
        ...


Fold = Callable[[Sequence[Sent]], Added]


def append(project_id: int, sent: Sequence[Sent], fold: Fold, names: ProjectNames, now: datetime) -> list[Acknowledged]:
    """Commit what is new of ``sent``. All of it stands or falls together; afterwards ``names`` knows the new names."""
    added = fold(sent)
    if _at_once(project_id, sent, added, now):
        return [_stored(one) for one in sent]
    with transaction.atomic():
        reached("live.begun")
        found = identify(project_id, sent, now)
        reached("live.identity_written")
        new = [one for one, what in zip(sent, found, strict=True) if what.verdict is Verdict.STORED]
        if len(new) < len(sent):
            added = fold(new)
        entries = [entry for one, what in zip(sent, found, strict=True) if (entry := entry_of(one, what))]
        if entries:
            insert_names(added.new)
            write(project_id, added, entries)
        reached("live.before_commit")
    reached("live.after_commit")
    names.remember(added.new)
    return found


def _stored(one: Sent) -> Acknowledged:
    return Acknowledged(Verdict.STORED, UUID(bytes=one.entry.batch), one.entry.received)


def _at_once(project_id: int, sent: Sequence[Sent], added: Added, now: datetime) -> bool:
    """The usual case in one way to the database and back: all keys valid, all identities new, no new name.

    One statement is one transaction. False, and nothing was written, where it is not the usual case: then the long
    way finds out what it is.
    """
    database = connections[DEFAULT_DB_ALIAS]  # asked once: through ``connection`` each attribute costs as much as a hit
    if database.vendor != "postgresql" or database.in_atomic_block or added.new.rows or asked_for("live."):
        return False
    new = {one.identity.id: one for one in sent if one.identity is not None}
    if len(new) != sum(one.identity is not None for one in sent):
        return False
    values: dict[str, Any] = dict(
        zip(_JOURNAL, _journal_row(project_id, added, [one.entry for one in sent]), strict=True)
    )
    values |= {"keys_sent": sorted({one.key_id for one in sent}), "now": now}
    if new:
        values |= _receipt_columns(new, now)
    database.ensure_connection()
    # What a health check would find the statement finds itself; it would be one more way.
    database.health_check_done = True  # type: ignore[attr-defined]  # types lack it
    prepare = not database.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]  # a pooler of transactions keeps no statements
    try:
        with database.wrap_database_errors, Cursor(database.connection) as cursor:
            cursor.execute(_AT_ONCE_WITH_RECEIPTS if new else _AT_ONCE, values, prepare=prepare)
    except DataError:
        return False
    return True


# What is not as it should be divides by zero, and takes the receipts with it.
_AT_ONCE = f"""
    INSERT INTO {Journal._meta.db_table} (project_id, id, keys, payload, receipts, sign)
    SELECT %(project_id)s, %(id)s, %(keys)s, %(payload)s, %(receipts)s, 1 / CASE WHEN
        (SELECT count(*) FROM {ApiKey._meta.db_table} WHERE id = ANY(%(keys_sent)s) AND NOT revoked
            AND (expiry_date IS NULL OR expiry_date > %(now)s)) = cardinality(%(keys_sent)s)
        THEN 1 ELSE 0 END
"""
_AT_ONCE_WITH_RECEIPTS = f"""
    WITH written AS (
        INSERT INTO {Receipt._meta.db_table} (project_id, id, body, batch, received, expires)
        SELECT %(project_id)s, * FROM unnest(
            %(ids)s::uuid[], %(bodies)s::uuid[], %(batches)s::uuid[], %(received)s::bigint[], %(expires)s::timestamptz[]
        )
        ON CONFLICT (project_id, id) DO NOTHING RETURNING 1
    )
    {_AT_ONCE.replace("THEN 1", "AND (SELECT count(*) FROM written) = cardinality(%(ids)s) THEN 1")}
"""


def _receipt_columns(new: dict[UUID, Sent], now: datetime) -> dict[str, list[Any]]:
    """Of all receipts, in one order, so that two groups that share requests wait for each other and never for both."""
    ordered = sorted(new)
    bodies, batches, received = zip(*(_receipt_of(new[id]) for id in ordered), strict=True)
    expires = [now + new[id].identity.lasts for id in ordered]  # type: ignore[union-attr]  # they have an identity
    return {
        "ids": ordered, "bodies": list(bodies), "batches": list(batches), "received": list(received),
        "expires": expires,
    }  # fmt: skip


def entry_of(one: Sent, what: Acknowledged) -> Entry | None:
    if what.verdict is Verdict.STORED:
        return one.entry
    if what.verdict is Verdict.DUPLICATE:
        seen = one.entry
        return Entry(
            seen.batch, seen.source, seen.key_prefix, seen.hour, seen.seen, seen.received, duplicate=seen.received
        )
    return None


_JOURNAL = ("project_id", "id", "keys", "payload", "receipts")


def _journal_row(project_id: int, added: Added, entries: Sequence[Entry]) -> list[Any]:
    """Values of the columns in _JOURNAL."""
    packed = receipts.pack(Receipts(receipts.by_batch(entries), added.samples))
    return [project_id, *_raw(uuid7()), added.keys, added.payload, packed]


def write(project_id: int, added: Added, entries: Sequence[Entry]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Journal._meta.db_table} ({', '.join(_JOURNAL)}, sign) VALUES (%s, %s, %s, %s, %s, 1)",
            _journal_row(project_id, added, entries),
        )


def identify(project_id: int, sent: Sequence[Sent], now: datetime) -> list[Acknowledged]:
    """A verdict each. What is new has its receipt written; of several alike in ``sent`` the first is new."""
    valid = _valid_keys(sorted({one.key_id for one in sent}), now)
    first: dict[UUID, Sent] = {}
    for one in sent:
        if one.identity is not None and one.key_id in valid:
            first.setdefault(one.identity.id, one)
    held = _write_receipts(project_id, first, now) if first else {}
    found = []
    for one in sent:
        identity = one.identity
        if one.key_id not in valid:
            found.append(Acknowledged(Verdict.KEY_GONE))
        elif identity is None or (identity.id not in held and first[identity.id] is one):
            found.append(_stored(one))
        else:
            found.append(_repeated(identity, held.get(identity.id) or _receipt_of(first[identity.id])))
    return found


def _valid_keys(keys: Sequence[str], now: datetime) -> set[str]:
    """Those that are neither revoked nor expired. By SQL: to put the question together took Django longer than a
    commit takes."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {ApiKey._meta.db_table} WHERE id IN ({', '.join(['%s'] * len(keys))}) AND NOT revoked"
            " AND (expiry_date IS NULL OR expiry_date > %s)",
            [*keys, connection.ops.adapt_datetimefield_value(now)],
        )
        return {row[0] for row in cursor.fetchall()}


_Held = tuple[UUID, UUID, int]  # body, batch, received


def _receipt_of(one: Sent) -> _Held:
    assert one.identity is not None
    return one.identity.body, UUID(bytes=one.entry.batch), one.entry.received


def _repeated(identity: Identity, before: _Held) -> Acknowledged:
    body, batch, received = before
    return Acknowledged(Verdict.DUPLICATE if body == identity.body else Verdict.OTHER_BODY, batch, received)


def _write_receipts(project_id: int, new: dict[UUID, Sent], now: datetime) -> dict[UUID, _Held]:
    """Write a receipt for each that has none; returns those that had one."""
    columns = _receipt_columns(new, now)
    columns["expires"] = list(map(connection.ops.adapt_datetimefield_value, columns["expires"]))
    values: list[Any] = []
    for id, body, batch, received, expires in zip(*columns.values(), strict=True):
        values += [project_id, *_raw(id, body, batch), received, expires]
    rows = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(new))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Receipt._meta.db_table} (project_id, id, body, batch, received, expires) VALUES {rows}"
            " ON CONFLICT (project_id, id) DO NOTHING RETURNING id",
            values,
        )
        written = {row[0] if isinstance(row[0], UUID) else UUID(row[0]) for row in cursor.fetchall()}
    if len(written) == len(new):
        return {}
    return _held_receipts(project_id, {id: one for id, one in new.items() if id not in written}, now)


def _held_receipts(project_id: int, wanted: dict[UUID, Sent], now: datetime) -> dict[UUID, _Held]:
    """Those of ``wanted`` that were acknowledged before; one whose time is over becomes that of the new request."""
    rows = Receipt.objects.filter(project_id=project_id)
    held = {}
    for row in rows.filter(id__in=wanted):
        if row.expires > now:
            held[row.id] = (row.body, row.batch, row.received)
            continue
        body, batch, received = _receipt_of(wanted[row.id])
        expires = now + wanted[row.id].identity.lasts  # type: ignore[union-attr]
        rows.filter(id=row.id).update(body=body, batch=batch, received=received, expires=expires)
    return held


def _raw(*ids: UUID) -> list[Any]:
    """UUIDs as this database holds them."""
    return list(ids) if connection.features.has_native_uuid_field else [one.hex for one in ids]
