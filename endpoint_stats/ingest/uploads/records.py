"""The rows of uploads: made, looked at again, handed to a worker, discarded, forgotten.

Each step is a conditional update of the row, so that two of them never both happen.
"""

from datetime import datetime, timedelta
from typing import IO, BinaryIO, cast
from uuid import UUID

from django.db import transaction

from accounts.models import Project, User
from endpoint_stats.ids import first_id_of
from endpoint_stats.ingest.settings import route_rules, settings_of
from endpoint_stats.models import Upload

from . import files
from .preview import Preview, Wish, look

MOST = 5  # unfinished ones of a project
FILES_KEPT, ROWS_KEPT = timedelta(hours=24), timedelta(days=30)
State = Upload.State
UNFINISHED = (State.PREVIEWED, State.QUEUED, State.IMPORTING, State.FAILED)


class TooMany(Exception):
    def __init__(self) -> None:
        super().__init__(
            f"{MOST} uploads of this project are not finished. Import or discard one of them, then send this one again."
        )


def unfinished(project: Project) -> list[Upload]:
    """Those whose file is kept, newest first."""
    return list(Upload.objects.filter(project=project, state__in=UNFINISHED).order_by("-created"))


def moving(project: Project) -> list[Upload]:
    """Those that a worker has or is to take, oldest first."""
    return list(Upload.objects.filter(project=project, state__in=(State.QUEUED, State.IMPORTING)).order_by("created"))


def find(project: Project, id: UUID) -> Upload | None:
    return Upload.objects.filter(project=project, id=id).first()


def check_room(project: Project) -> None:
    """Raises TooMany."""
    if Upload.objects.filter(project=project, state__in=UNFINISHED).count() >= MOST:
        raise TooMany


def receive(project: Project, by: User, file: IO[bytes], size: int, name: str, service: str, now: datetime) -> Upload:
    """Look at a log that came, and keep it. Raises Unreadable and TooMany, with nothing kept."""
    upload = Upload(project=project, by=by, name=files.clean_name(name), service=service, size=size, total=size)
    seen = look(cast(BinaryIO, file), size, upload.name, _wish(project, "auto", service, now))
    _set(upload, seen, now)
    upload.created = now
    files.keep(upload.id, file)
    try:
        with transaction.atomic():
            Project.objects.select_for_update().get(pk=project.pk)  # one at a time counts, and adds
            check_room(project)
            upload.save(force_insert=True)
    except BaseException:
        files.remove(upload.id)
        raise
    return upload


def look_again(upload: Upload, format: str, service: str, now: datetime) -> Preview | None:
    """Under another format or service; None where it is no longer waiting. Raises Unreadable and FileNotFoundError."""
    with files.opened(upload.id) as file:
        seen = look(cast(BinaryIO, file), upload.size, upload.name, _wish(upload.project, format, service, now))
    _set(upload, seen, now)
    changed = Upload.objects.filter(id=upload.id, state__in=(State.PREVIEWED, State.FAILED)).update(
        service=service, format=upload.format, preview=upload.preview, state=State.PREVIEWED, error="", heartbeat=now
    )
    return seen if changed else None


def _set(upload: Upload, seen: Preview, now: datetime) -> None:
    upload.format = seen.format if seen.fit else ""
    upload.preview, upload.heartbeat = seen.as_json(), now


def _wish(project: Project, format: str, service: str, now: datetime) -> Wish:
    return Wish(format, service, route_rules(project, settings_of(project)), now)


def queue(upload: Upload, service: str, now: datetime) -> bool:
    """Hand it to a worker; again, where it failed. False where it is not waiting, or no format is known."""
    rows = Upload.objects.filter(id=upload.id, state__in=(State.PREVIEWED, State.FAILED)).exclude(format="")
    new = {"state": State.QUEUED, "service": service, "error": "", "attempts": 0, "progress": 0, "heartbeat": now}
    return rows.update(**new) == 1


def queue_demo(project: Project, by: User, name: str, now: datetime) -> Upload:
    """Traffic that a worker makes by itself and imports."""
    return Upload.objects.create(
        project=project, by=by, origin=Upload.Origin.DEMO, name=name, format="hits", state=State.QUEUED, created=now,
        heartbeat=now,
    )  # fmt: skip


def discard(upload: Upload, now: datetime) -> bool:
    """The file is gone; what an import of it stored stays, and ends where it stands. False where it had ended."""
    rows = Upload.objects.filter(id=upload.id, state__in=UNFINISHED)
    gone = rows.update(state=State.DISCARDED, claim=None, preview={}, heartbeat=now) == 1
    if gone:
        files.remove(upload.id)
    return gone


def tidy(now: datetime) -> int:
    """Files go after a day, whatever became of them, and rows after a month. Returns how many files and rows."""
    over = Upload.objects.filter(created__lt=now - FILES_KEPT, state__in=UNFINISHED)
    over.update(
        state=State.DISCARDED, claim=None, preview={}, error="It was not imported within a day; its file was removed."
    )
    oldest = first_id_of(now - FILES_KEPT)
    old = [id for id in files.kept() if id < oldest]
    for id in old:
        files.remove(id)
    return len(old) + Upload.objects.filter(created__lt=now - ROWS_KEPT).delete()[0]
