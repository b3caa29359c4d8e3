"""Imports of what came by the page, in a worker: claimed, alive while they move, and taken up again where one died.

The claim is an id that only its task knows: whoever lost it (the worker stood still for long, the upload was discarded,
the project removed) learns so at its next step and stops. That an import counts once does not hang on this: it is
known by its place in its stream (docs/identity.md).
"""

import io
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Project
from endpoint_stats.ids import uuid7
from endpoint_stats.ingest import ledger
from endpoint_stats.ingest.run import Options, Outcome, import_path
from endpoint_stats.ingest.uploads import files
from endpoint_stats.models import Batch, Upload
from endpoint_stats.pages import registry
from endpoint_stats.store.append import Counted, Stopped
from endpoint_stats.store.purge import purge

from . import canary

DEAD_AFTER = timedelta(seconds=60)  # without a step
ATTEMPTS = 3  # after which a file that kills its worker each time is left alone
NOTE_SECONDS = 0.5  # between two notes of how far it is
State = Upload.State


def _free(now: datetime) -> Q:
    return Q(state=State.QUEUED) | Q(state=State.IMPORTING, heartbeat__lt=now - DEAD_AFTER)


def uploads_to_import(now: datetime) -> list[dict[str, object]]:
    """Those that wait, and those whose worker died: the oldest, one of a project, and as many as leave a worker to all
    other tasks where there are two or more. What is imported now counts."""
    alive = Upload.objects.filter(state=State.IMPORTING, heartbeat__gte=now - DEAD_AFTER)
    busy = list(alive.values_list("project_id", flat=True))
    room = max(1, settings.WORKERS - 1) - len(busy)
    if room <= 0:
        return []
    waiting = Upload.objects.filter(_free(now)).exclude(project_id__in=busy).order_by("created", "id")
    oldest: dict[int, UUID] = {}
    for id, project_id in waiting.values_list("id", "project_id"):
        oldest.setdefault(project_id, id)
    return [{"upload_id": str(id)} for id in list(oldest.values())[:room]]


def import_upload(*, upload_id: str) -> str:
    """Returns the state that the upload is in now; "" where another task has it, or nobody wants it any more."""
    upload = claim(UUID(upload_id), timezone.now())
    if upload is None:
        return ""
    if upload.attempts > ATTEMPTS:
        return _end(upload, f"The worker died {ATTEMPTS} times while it imported this. What was stored is kept.")
    if upload.project.closed:
        return _end(upload, "This project is archived: nothing is taken in. An owner can restore it in its settings.")
    _end_the_dead_one(upload)
    try:
        with _path(upload) as path:
            return _end(upload, _import(upload, path))
    except Stopped:
        return ""  # while the traffic of a demo was made
    except SystemExit:  # Django-Q2's way to say that its time is over; to try again would take as long
        _end(upload, "It took longer than it may. What was stored is kept; import it on the server, by import_log.")
        raise
    except FileNotFoundError:
        return _end(upload, "Its file is no longer there. Send it again: what was stored of it is counted once.")
    finally:
        # What came after everything of a project was deleted belongs to nobody.
        if not Project.objects.filter(pk=upload.project_id).exists():
            purge(upload.project_id)


def claim(id: UUID, now: datetime) -> Upload | None:
    """The upload, for whoever calls this alone; None where another one has it."""
    mine = uuid7()
    new = {"state": State.IMPORTING, "claim": mine, "heartbeat": now, "progress": 0}
    if Upload.objects.filter(_free(now), id=id).update(**new, attempts=F("attempts") + 1) != 1:
        return None
    return Upload.objects.select_related("project").filter(id=id, claim=mine).first()


def _end_the_dead_one(upload: Upload) -> None:
    """Close the ledger's line of the task that died; what it stored is a duplicate to the next."""
    batch = Batch.objects.filter(id=upload.batch, state=Batch.State.RUNNING).first() if upload.batch else None
    if batch is not None:
        ledger.end(batch, failed="Its worker was stopped. The import went on as another line; what is stored is kept.")


class Pulse:
    """Says how far an import is, at most twice a second. Raises Stopped once the claim is another's."""

    def __init__(self, upload: Upload, clock: Callable[[], float] = time.monotonic) -> None:
        self.upload, self.clock = upload, clock
        self.noted = self.lived = clock()

    def note(self, done: int, total: int, *, now: bool = False, **more: object) -> None:
        moment = self.clock()
        if not now and moment - self.noted < NOTE_SECONDS:
            return
        self.noted = moment
        new = {"progress": done, "total": total, "heartbeat": timezone.now(), **more}
        if Upload.objects.filter(id=self.upload.id, claim=self.upload.claim).update(**new) != 1:
            raise Stopped("It was discarded, or another worker took it over. What was stored is kept and counted once.")
        if moment - self.lived >= canary.NOTE_SECONDS:
            self.lived = moment
            canary.answer(timezone.now(), timezone.now())  # busy is not dead, however long one task takes

    def progress(self, done: int, total: int | None, counted: Counted) -> None:
        self.note(done, total or 0)

    def begun(self, batch: UUID | None) -> None:
        self.upload.batch = batch
        self.note(0, self.upload.total, now=True, batch=batch)


@contextmanager
def _path(upload: Upload) -> Iterator[str]:
    """Where its lines lie. Raises FileNotFoundError, and Stopped."""
    if upload.origin == Upload.Origin.FILE:
        with files.local_path(upload.id) as path:
            yield path
        return
    demo, pulse, done = registry.demo(), Pulse(upload), 0
    if demo is None:  # its app was taken out of this installation
        raise FileNotFoundError(upload.name)
    with tempfile.NamedTemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as file:
        for line in demo.lines(upload.name):
            done += file.write(line)
            pulse.note(done, 0)
        file.flush()
        upload.total = done
        yield file.name


def _import(upload: Upload, path: str) -> str:
    """Returns why it did not get to its end, or "" ."""
    pulse = Pulse(upload)
    wanted = Options(
        timezone.now(), upload.service, upload.format, processes=1, name=upload.name,
        max_bytes=settings.UPLOAD_MAX_UNPACKED_BYTES,
    )  # fmt: skip
    outcome = import_path(upload.project, path, wanted, io.BytesIO(), progress=pulse.progress, begun=pulse.begun)
    return _said(outcome, upload).replace(path, upload.name)


def _said(outcome: Outcome, upload: Upload) -> str:
    if outcome.read and outcome.read == sum(outcome.rejected.values()):
        return f"None of its {outcome.read:,} lines could be stored: they do not have this format. Choose another one."
    return outcome.error or outcome.note


def _end(upload: Upload, error: str) -> str:
    """Complete or failed, and the file of what is complete is gone. "" where the claim was lost."""
    new: dict[str, object] = {"state": State.COMPLETE, "preview": {}, "progress": F("total")}
    if error:
        new = {"state": State.FAILED, "error": error[:500]}
    mine = Upload.objects.filter(id=upload.id, claim=upload.claim)
    if mine.update(**new, claim=None, heartbeat=timezone.now()) != 1:
        return ""
    if not error:
        files.remove(upload.id)
    return str(new["state"])
