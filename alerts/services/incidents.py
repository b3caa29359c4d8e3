"""What people do about an incident. Each is a line of its timeline with who did it; done twice it is done once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from accounts.models import Project, User
from alerts.data import EventKind
from alerts.models import Incident, IncidentEvent
from endpoint_stats.query.render import number

LONGEST = 2000
PAGE = 50
STATES = ("", "open", "past")  # which of them: all, or one of these


def acknowledge(incident: Incident, now: datetime, *, by: User) -> bool:
    """Somebody looks at it: nobody is told again until it ends. False where it is over, or somebody has already."""
    with transaction.atomic():
        still = Incident.objects.filter(pk=incident.pk, ended=None, acknowledged=None)
        if still.update(acknowledged=now, acknowledged_by=by) != 1:
            return False
        _note(incident, EventKind.ACKNOWLEDGED, now, by)
    return True


def take_back(incident: Incident, now: datetime, *, by: User) -> bool:
    """The acknowledgement: who was to be told next is told. False where there is none, or it is over."""
    with transaction.atomic():
        still = Incident.objects.filter(pk=incident.pk, ended=None, acknowledged__isnull=False)
        if still.update(acknowledged=None, acknowledged_by=None) != 1:
            return False
        _note(incident, EventKind.TAKEN_BACK, now, by)
    return True


def comment(incident: Incident, text: str, id: UUID, now: datetime, *, by: User) -> None:
    """``id`` is the form's: sent twice, it is said once. Raises ValidationError with what to do."""
    said = text.replace("\0", "").replace("\r\n", "\n").strip()
    if not said:
        raise ValidationError("A comment needs words. Write some, and send it again.")
    if len(said) > LONGEST:
        raise ValidationError(
            f"The comment has {number(len(said))} characters, and {number(LONGEST)} are kept. Shorten it."
        )
    event = IncidentEvent(
        id=id, project_id=incident.project_id, incident=incident, kind=EventKind.COMMENT, at=now, recorded=now, by=by,
        text=said,
    )  # fmt: skip
    IncidentEvent.objects.bulk_create([event], ignore_conflicts=True)


def _note(incident: Incident, kind: EventKind, now: datetime, by: User) -> None:
    IncidentEvent.objects.create(
        project_id=incident.project_id, incident=incident, kind=kind, at=now, recorded=now, by=by
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """``open``: all of them, the oldest first; on the first page alone. ``past``: the newest first. ``more``: the id
    below which the next page goes on, None where there is none."""

    open: Sequence[Incident]
    past: Sequence[Incident]
    more: UUID | None


def listed(project: Project, state: str, before: UUID | None) -> Listed:
    """``state``: one of STATES. Raises Incident.DoesNotExist for a ``before`` that is not the project's."""
    rows = Incident.objects.filter(project=project).select_related("rule", "acknowledged_by")
    open_ones = [] if before or state == "past" else open_of(project)
    if state == "open":
        return Listed(open_ones, [], None)
    past = rows.filter(ended__isnull=False).order_by("-started", "-id")
    if before is not None:
        last = Incident.objects.get(project=project, pk=before)
        past = past.filter(Q(started__lt=last.started) | Q(started=last.started, pk__lt=last.pk))
    found = list(past[: PAGE + 1])
    return Listed(open_ones, found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None)


def open_of(project: Project) -> list[Incident]:
    """The oldest first."""
    rows = Incident.objects.filter(project=project, ended=None).select_related("rule", "acknowledged_by")
    return list(rows.order_by("started", "id"))


def last_ended(project: Project) -> Incident | None:
    return Incident.objects.filter(project=project, ended__isnull=False).order_by("-ended").first()
