"""Reading the ledger: what was sent or imported, and what became of it. What waits in the journal is part of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from endpoint_stats.aggregate.receipts import Entry, by_batch, unpack
from endpoint_stats.models import Batch, Journal, SourceKind

from . import sql

MAX_LINES = 1000


@dataclass(slots=True)
class Line:
    """One batch: read = stored + duplicate + the rejected, always."""

    id: UUID
    source: str
    key_prefix: str
    service: str
    name: str
    format: str
    state: str
    message: str
    received: int
    stored: int
    duplicate: int
    rejected: dict[str, int]
    samples: list[dict[str, Any]]
    first_hit: datetime | None
    last_hit: datetime | None
    started: datetime
    finished: datetime | None

    @property
    def refused(self) -> int:
        return sum(self.rejected.values())

    @property
    def may_be_rolled_back(self) -> bool:
        ended = (Batch.State.COMPLETE, Batch.State.FAILED)
        return self.source == SourceKind.IMPORT and self.state in ended and self.stored > 0


def lines(project_id: int, *, limit: int = 100, before: UUID | None = None, source: str = "") -> list[Line]:
    """Newest first; ``before`` is the id of the last line of the page before."""
    with sql.snapshot(settings.QUERY_SECONDS):
        rows = Batch.objects.filter(project_id=project_id).order_by("-started", "-id")
        waiting = {UUID(bytes=entry.batch): entry for entry in _waiting(project_id)}
        if source:
            rows = rows.filter(source=source)
            waiting = {id: entry for id, entry in waiting.items() if entry.source == source}
        # What only waits has no row yet: it belongs to the hours that came last.
        held = set(Batch.objects.filter(project_id=project_id, id__in=waiting).values_list("id", flat=True))
        found = [_only_waiting(id, entry) for id, entry in waiting.items() if id not in held]
        last = Batch.objects.filter(project_id=project_id, id=before).first() if before else None
        if last is not None:
            rows = rows.filter(started__lte=last.started)
        found += [_line(row, waiting.get(row.pk)) for row in rows[: limit + len(found) + (1 if last else 0)]]
    found.sort(key=lambda line: (line.started, line.id), reverse=True)
    if before is not None:
        place = next((place for place, line in enumerate(found) if line.id == before), -1)
        found = found[place + 1 :]
    return found[:limit]


def line(project_id: int, id: UUID) -> Line | None:
    with sql.snapshot(settings.QUERY_SECONDS):
        entry = next((entry for entry in _waiting(project_id) if entry.batch == id.bytes), None)
        row = Batch.objects.filter(project_id=project_id, id=id).first()
        if row is not None:
            return _line(row, entry)
        return _only_waiting(id, entry) if entry is not None else None


def _waiting(project_id: int) -> list[Entry]:
    rows = Journal.objects.filter(project_id=project_id, receipts__isnull=False).order_by("id")
    return by_batch(_entries(rows.values_list("receipts", flat=True)))


def _entries(packed: Any) -> Iterator[Entry]:
    for one in packed:
        yield from unpack(bytes(one)).entries


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _only_waiting(id: UUID, entry: Entry) -> Line:
    return Line(
        id, entry.source, entry.key_prefix, "", f"key {entry.key_prefix}", "", Batch.State.COMPLETE.value, "",
        entry.received, entry.stored, entry.duplicate, dict(sorted(entry.rejected.items())), entry.refused,
        _moment(entry.first), _moment(entry.last), datetime.fromtimestamp(entry.hour * 60, UTC), _moment(entry.seen),
    )  # fmt: skip


def _line(row: Batch, waiting: Entry | None) -> Line:
    found = Line(
        row.pk, row.source, row.key_prefix, row.service, row.name, row.format, row.state, row.message, row.read,
        row.stored, row.duplicate, row.rejected, row.samples, row.first_hit, row.last_hit, row.started, row.finished,
    )  # fmt: skip
    if waiting is None:
        return found
    more = _only_waiting(row.pk, waiting)
    found.received += more.received
    found.stored += more.stored
    found.duplicate += more.duplicate
    reasons = sorted({**found.rejected, **more.rejected})
    found.rejected = {name: found.rejected.get(name, 0) + more.rejected.get(name, 0) for name in reasons}
    found.samples = found.samples + more.samples
    found.first_hit = min(filter(None, (found.first_hit, more.first_hit)), default=None)
    found.last_hit = max(filter(None, (found.last_hit, more.last_hit)), default=None)
    found.finished = max(filter(None, (found.finished, more.finished)), default=None)
    return found
