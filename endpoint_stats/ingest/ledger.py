"""The ledger of imports: what was read, what became of it, and what it may overlap with."""

import contextlib
import os
from datetime import timedelta
from hashlib import sha256

from django.utils import timezone

from accounts.models import Project
from endpoint_stats.models import Batch, CountingSource, Place, SourceKind
from endpoint_stats.store.rollback import RollbackError
from endpoint_stats.store.rollback import roll_back as take_back

from .places import Stretch, short

__all__ = ["RollbackError", "take_back"]

NAMING = 1 << 16  # bytes of a stream's beginning that may name it
# Lines of one stream are written when requests end, so that a continuation may begin a little before the end.
DISORDER = timedelta(minutes=5)


def stream_id(head: bytes) -> int:
    """The name of a stream: the digest of its first line, so that candidates for the same stream are few."""
    return short(sha256(b"first line" + head[:NAMING].partition(b"\n")[0]).digest())


def places(project: Project, service: str, stream: int) -> list[Place]:
    """What was committed of the streams that begin with the same line."""
    return list(Place.objects.filter(project=project, service=service, stream=stream).order_by("start"))


def stretch(place: Place) -> Stretch:
    return Stretch(place.start, place.end, place.end_node, bytes(place.marks))


def begin(project: Project, service: str, name: str, format_name: str) -> Batch:
    return Batch.objects.create(
        project=project, service=service, name=printable(name)[-500:], format=format_name[:2000]
    )


def printable(name: str) -> str:
    """A file's name as text: names need not be UTF-8, the database's text must be."""
    return os.fsencode(name).decode("utf-8", "replace").replace("\0", "")


def beat(batch: Batch) -> None:
    Batch.objects.filter(id=batch.id, state=Batch.State.RUNNING).update(heartbeat=timezone.now())


def end(batch: Batch, *, failed: str = "") -> None:
    """Close a batch; ``failed`` says why it did not get to its end. What it stored stays stored."""
    state = Batch.State.FAILED if failed else Batch.State.COMPLETE
    now = timezone.now()
    Batch.objects.filter(id=batch.id, state=Batch.State.RUNNING).update(
        state=state, message=failed[:500], finished=now, heartbeat=now
    )
    with contextlib.suppress(Batch.DoesNotExist):  # purged with its project
        batch.refresh_from_db()


def overlapping(batch: Batch) -> list[Batch]:
    """Imports of the same service whose hits lie in the same time: perhaps the same hits from another file.

    Batches of the same stream follow one another, and may overlap by DISORDER.
    """
    if batch.first_hit is None or batch.last_hit is None:
        return []
    others = Batch.objects.filter(
        project_id=batch.project_id, service=batch.service, source=SourceKind.IMPORT, stored__gt=0,
        first_hit__lt=batch.last_hit, last_hit__gt=batch.first_hit,
    ).exclude(id=batch.id).exclude(state=Batch.State.ROLLED_BACK)  # fmt: skip
    streams = set(Place.objects.filter(project_id=batch.project_id, batch=batch.id).values_list("stream", flat=True))
    return [other for other in others.order_by("-started")[:20] if _truly(batch, other, streams)]


def also_live(batch: Batch) -> str:
    """The way by which the service of an import sent hits of the same time by itself; "" where it did not."""
    counts = CountingSource.objects.filter(project_id=batch.project_id, service=batch.service).first()
    if counts is None or batch.first_hit is None or batch.last_hit is None:
        return ""
    sent = Batch.objects.filter(
        project_id=batch.project_id, source=counts.source, stored__gt=0, first_hit__lt=batch.last_hit,
        last_hit__gt=batch.first_hit,
    )  # fmt: skip
    return counts.source if sent.exists() else ""


def _truly(batch: Batch, other: Batch, streams: set[int]) -> bool:
    same = Place.objects.filter(project_id=batch.project_id, batch=other.id, stream__in=streams).exists()
    if not same or not (batch.first_hit and batch.last_hit and other.first_hit and other.last_hit):
        return True
    shared = min(batch.last_hit, other.last_hit) - max(batch.first_hit, other.first_hit)
    return shared > DISORDER
