"""Append: one commit of an import. Place, names, journal row, folded form and the ledger's counts stand or fall
together; that is what makes "counted once" true whatever is killed next."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import transaction
from django.utils import timezone

from endpoint_stats.aggregate.table import combine, pack, unpack
from endpoint_stats.ids import uuid7
from endpoint_stats.models import Batch, Folded, Journal, Place

from . import state
from .names import NewNames, ProjectNames, Resolved
from .points import reached

MAX_SAMPLES = 20  # rejected lines kept for a batch
PLACE = 4 << 20  # bytes that one row of places covers at most, where pieces are smaller
FORM_KEYS = 20_000  # keys from which a folded form is large enough to stay alone


class Stopped(Exception):
    """The batch may not go on: it was rolled back, or another import stores the same lines."""


@dataclass(slots=True)
class Counted:
    """What became of some lines of a batch: read = stored + duplicate + rejected, always."""

    read: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)
    first_hit: datetime | None = None
    last_hit: datetime | None = None

    def add(self, other: "Counted") -> None:
        self.read += other.read
        self.stored += other.stored
        self.duplicate += other.duplicate
        self.rejected.update(other.rejected)
        self.samples = (self.samples + other.samples)[:MAX_SAMPLES]
        self.first_hit = min(filter(None, (self.first_hit, other.first_hit)), default=None)
        self.last_hit = max(filter(None, (self.last_hit, other.last_hit)), default=None)


def append(
    batch: Batch,
    place: Place,
    resolved: Resolved,
    counted: Counted,
    names: ProjectNames,
    check_rivals: Callable[[list[Place]], None],
) -> None:
    """Commit what one piece adds; afterwards ``batch`` carries the new counts.

    ``check_rivals`` is called under the project's lock with the places of other batches that share a byte range
    with this one, and raises where they hold the same lines. Then, and where the batch was rolled back
    (Stopped), nothing is written.
    """
    payload = pack([resolved.hits, resolved.by_consumer])
    keys = len(resolved.hits) + len(resolved.by_consumer)
    with transaction.atomic():
        reached("import.begun")
        state.lock(batch.project_id)
        check_rivals(_rivals(place))
        _write_place(place)
        reached("import.identity_written")
        insert_names(resolved.new)
        row = {"project_id": batch.project_id, "keys": keys, "payload": payload}
        folded = Folded.objects.create(id=uuid7(), batch=batch.id, stored=counted.stored, **row)
        Journal.objects.create(id=uuid7(), folded=folded.id, **row)
        _count(batch, counted)
        reached("import.before_commit")
    reached("import.after_commit")
    names.remember(resolved.new)


def count_only(batch: Batch, counted: Counted) -> None:
    """Lines that store nothing: duplicates and refusals."""
    with transaction.atomic():
        _count(batch, counted)


def _rivals(place: Place) -> list[Place]:
    """Places of the same stream that other batches hold in the same byte range."""
    rows = Place.objects.filter(
        project_id=place.project_id,
        service=place.service,
        stream=place.stream,
        start__lt=place.end,
        end__gt=place.start,
    )
    return list(rows.exclude(batch=place.batch))


def _write_place(place: Place) -> None:
    """A row for the place, or a longer row for the one before it: a followed log commits every few seconds."""
    before = Place.objects.filter(
        project_id=place.project_id,
        batch=place.batch,
        stream=place.stream,
        end=place.start,
        start__gt=place.end - PLACE,
    ).first()
    if before is None:
        place.save(force_insert=True)
        return
    Place.objects.filter(project_id=place.project_id, id=before.id).update(
        end=place.end,
        end_node=place.end_node,
        lines=before.lines + place.lines,
        marks=bytes(before.marks) + bytes(place.marks),
    )


def consolidate(batch: Batch) -> None:
    """Join the folded forms of a long batch that are in the rollups already: thousands of small rows become one."""
    rows = Folded.objects.filter(project_id=batch.project_id, batch=batch.id)
    with transaction.atomic():
        state.lock(batch.project_id)
        waiting = Journal.objects.filter(project_id=batch.project_id).values("folded")
        small = list(rows.filter(keys__lt=FORM_KEYS).exclude(id__in=waiting).order_by("id"))
        if len(small) < 2:
            return
        forms = [unpack(bytes(row.payload)) for row in small]
        joined = [combine(*tables) for tables in zip(*forms, strict=True)]
        rows.filter(id__in=[row.id for row in small]).delete()
        Folded.objects.create(
            project_id=batch.project_id,
            id=uuid7(),
            batch=batch.id,
            stored=sum(row.stored for row in small),
            keys=sum(len(table) for table in joined),
            payload=pack(joined),
            created=small[-1].created,
        )


def insert_names(new: NewNames) -> None:
    """Sorted by key, so that two writers lock in one order; whoever comes second finds the row there."""
    ordered = sorted(new.rows, key=lambda row: (type(row).__name__, row.key))  # type: ignore[attr-defined]
    for model, rows in groupby(ordered, key=type):
        model.objects.bulk_create(list(rows), ignore_conflicts=True)  # type: ignore[attr-defined]


def _count(batch: Batch, counted: Counted) -> None:
    total = Counted(
        batch.read,
        batch.stored,
        batch.duplicate,
        Counter(batch.rejected),
        batch.samples,
        batch.first_hit,
        batch.last_hit,
    )
    total.add(counted)
    now = timezone.now()
    running = Batch.objects.filter(id=batch.id, project_id=batch.project_id, state=Batch.State.RUNNING)
    changed = running.update(
        read=total.read,
        stored=total.stored,
        duplicate=total.duplicate,
        rejected=dict(total.rejected),
        samples=total.samples,
        first_hit=total.first_hit,
        last_hit=total.last_hit,
        heartbeat=now,
    )
    if changed != 1:
        raise Stopped("This import was rolled back or ended elsewhere while it ran; it stops here.")
    batch.read, batch.stored, batch.duplicate = total.read, total.stored, total.duplicate
    batch.rejected, batch.samples = dict(total.rejected), total.samples
    batch.first_hit, batch.last_hit, batch.heartbeat = total.first_hit, total.last_hit, now
