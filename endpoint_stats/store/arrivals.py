"""What compaction does with the other half of live commits: the ledger's counts, samples, and which minutes were
heard of. The caller holds the project's lock."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
from django.db import connection

from endpoint_stats.aggregate.receipts import Entry, Sampled, best, by_batch, unpack
from endpoint_stats.aggregate.table import Ints
from endpoint_stats.ids import minute_of_id, uuid7
from endpoint_stats.models import Batch, Heard, Sample

SHOWN = 20  # refused entries that a row of the ledger keeps


@dataclass(slots=True)
class Arrivals:
    """Of the live commits among some journal rows."""

    entries: list[Entry] = field(default_factory=list)
    samples: list[Sampled] = field(default_factory=list)
    minutes: set[int] = field(default_factory=set)

    def add(self, row_id: UUID, packed: bytes) -> None:
        """The receipts of one journal row."""
        receipts = unpack(packed)
        self.entries += receipts.entries
        self.samples += receipts.samples
        self.minutes.add(minute_of_id(row_id))

    def heard(self, minutes: Ints) -> None:
        """Of these minutes there are hits."""
        self.minutes.update(np.unique(minutes).tolist())


def write(project_id: int, arrivals: Arrivals, minute_floor: int) -> None:
    _write_ledger(project_id, by_batch(arrivals.entries))
    _write_minutes(project_id, arrivals.minutes)
    _write_samples(project_id, [one for one in arrivals.samples if one.time >= minute_floor])


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _write_ledger(project_id: int, entries: Sequence[Entry]) -> None:
    """A row of the ledger for each key, source and hour."""
    held = {
        row.pk: row
        for row in Batch.objects.filter(project_id=project_id, id__in=[UUID(bytes=e.batch) for e in entries])
    }
    new = []
    for entry in entries:
        id = UUID(bytes=entry.batch)
        row = held.get(id)
        if row is not None:
            before = Entry(
                entry.batch, row.source, row.key_prefix, entry.hour, _seconds(row.heartbeat) or 0, row.read, row.stored,
                row.duplicate, row.rejected, row.samples, _seconds(row.first_hit), _seconds(row.last_hit),
            )  # fmt: skip
            before.add(entry)
            entry = before
        made = _row(project_id, id, entry)
        if row is None:
            new.append(made)
        else:
            made.save(force_update=True)
    Batch.objects.bulk_create(new)


def _row(project_id: int, id: UUID, entry: Entry) -> Batch:
    return Batch(
        id=id,
        project_id=project_id,
        source=entry.source,
        key_prefix=entry.key_prefix,
        name=f"key {entry.key_prefix}",
        state=Batch.State.COMPLETE,
        read=entry.received,
        stored=entry.stored,
        duplicate=entry.duplicate,
        rejected=dict(sorted(entry.rejected.items())),
        samples=entry.refused[:SHOWN],
        first_hit=_moment(entry.first),
        last_hit=_moment(entry.last),
        started=datetime.fromtimestamp(entry.hour * 60, UTC),
        heartbeat=datetime.fromtimestamp(entry.seen, UTC),
        finished=datetime.fromtimestamp(entry.seen, UTC),
    )


def _write_minutes(project_id: int, minutes: Iterable[int]) -> None:
    bits: dict[int, int] = defaultdict(int)
    for minute in minutes:
        bits[minute - minute % 60] |= 1 << minute % 60
    table = Heard._meta.db_table
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} (project_id, hour, minutes) VALUES (%s, %s, %s)"
            f" ON CONFLICT (project_id, hour) DO UPDATE SET minutes = {table}.minutes | excluded.minutes",
            [(project_id, hour, found) for hour, found in sorted(bits.items())],
        )


def _write_samples(project_id: int, samples: Sequence[Sampled]) -> None:
    """Of each endpoint and minute the best of those that are there and of the new ones."""
    if not samples:
        return
    touched = {(one.time, one.endpoint) for one in samples}
    rows = Sample.objects.filter(project_id=project_id, time__in={time for time, _ in touched})
    held: dict[int, UUID] = {}
    everything: list[Sampled] = []
    for row in rows.order_by("time", "endpoint", "id"):
        if (row.time, row.endpoint) in touched:
            one = Sampled(
                row.time, row.endpoint, row.second, row.failing, row.status, row.duration_us, row.path, row.consumer,
                row.version, row.trace_id, row.client_address,
            )  # fmt: skip
            held[id(one)] = row.id
            everything.append(one)
    kept = best([*everything, *samples])
    kept_ids = {id(one) for one in kept}
    gone = [row_id for one, row_id in held.items() if one not in kept_ids]
    for start in range(0, len(gone), 500):
        Sample.objects.filter(project_id=project_id, id__in=gone[start : start + 500]).delete()
    Sample.objects.bulk_create(
        [
            Sample(
                project_id=project_id, id=uuid7(), time=one.time, endpoint=one.endpoint, second=one.second,
                failing=one.failing, status=one.status, duration_us=one.duration_us, path=one.path,
                consumer=one.consumer, version=one.version, trace_id=one.trace_id, client_address=one.client_address,
            )
            for one in kept
            if id(one) not in held
        ],
        batch_size=500,
    )  # fmt: skip
