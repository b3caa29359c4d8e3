"""Rollback of an import: exactly what it added is taken away, once, and its lines may be imported again."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from endpoint_stats.ids import uuid7
from endpoint_stats.models import Batch, Folded, Journal, Place, SourceKind

from . import state
from .points import reached

KEPT_DAYS = 30
STALE = timedelta(minutes=2)  # a running import commits or beats far more often


class RollbackError(Exception):
    """The import cannot be rolled back; one sentence says why and what to do."""


def roll_back(batch_id: UUID) -> Batch:
    """Take away what the import added. Raises RollbackError, with nothing changed, where that cannot be done."""
    batch = Batch.objects.filter(id=batch_id).first()
    if batch is None:
        raise RollbackError(
            f"There is no import {batch_id}. The ledger lists them: manage.py import_log prints the id."
        )
    with transaction.atomic():
        held = state.lock(batch.project_id)
        _change_state(batch)
        reached("rollback.state_changed")
        _take_away(batch)
        Place.objects.filter(project_id=batch.project_id, batch=batch.id).delete()
        held.revision += 1
        held.save()
        reached("rollback.before_commit")
    reached("rollback.after_commit")
    batch.refresh_from_db()
    return batch


def _change_state(batch: Batch) -> None:
    if batch.source != SourceKind.IMPORT:
        raise RollbackError(
            f"{batch.id} is what a key sent, which shares its commits with others: only imports can be taken back."
        )
    now = timezone.now()
    rows = Batch.objects.filter(id=batch.id, project_id=batch.project_id)
    ended = rows.filter(state__in=(Batch.State.COMPLETE, Batch.State.FAILED))
    left_behind = rows.filter(state=Batch.State.RUNNING, heartbeat__lt=now - STALE)
    if ended.update(state=Batch.State.ROLLED_BACK, finished=now):
        return
    if left_behind.update(state=Batch.State.ROLLED_BACK, finished=now):
        return
    batch.refresh_from_db()
    if batch.state == Batch.State.ROLLED_BACK:
        raise RollbackError(f"Import {batch.id} was rolled back already.")
    raise RollbackError(f"Import {batch.id} is still running. Stop it first, or wait two minutes if it was killed.")


def _take_away(batch: Batch) -> None:
    """What is still in the journal is deleted; what was compacted gets a journal row that takes it away."""
    project_id = batch.project_id
    kept = dict(Folded.objects.filter(project_id=project_id, batch=batch.id).values_list("id", "stored"))
    forms = list(kept)
    if sum(kept.values()) != batch.stored:
        raise RollbackError(
            f"Import {batch.id} is older than {KEPT_DAYS} days, and its folded form is no longer kept. "
            "Its hits leave with the project's retention."
        )
    waiting = Journal.objects.filter(project_id=project_id, folded__in=forms)
    never_added = set(waiting.values_list("folded", flat=True))
    waiting.delete()
    for form in Folded.objects.filter(project_id=project_id, batch=batch.id).iterator(chunk_size=16):
        if form.id not in never_added:
            Journal.objects.create(project_id=project_id, id=uuid7(), sign=-1, keys=form.keys, payload=form.payload)
    Folded.objects.filter(project_id=project_id, batch=batch.id).delete()
