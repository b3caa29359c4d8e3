"""How workers and other systems speak to the core: a release, news, an alert that somebody else raised.

Each may be said again: what is known under its key is left as it is, or moved on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import Project, User
from alerts.data import EventKind, NewsKind, Origin, Severity
from alerts.models import Deployment, Incident, IncidentEvent, News

MAX_LABELS, MAX_VALUE = 50, 2000


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert of another system. key: what it is known by there; while one is open, the same key is the same alert."""

    key: str
    title: str
    severity: str = Severity.TICKET
    sentence: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    started: datetime | None = None
    link: str = ""


def post_release(
    project: Project,
    version: str,
    at: datetime,
    now: datetime,
    *,
    service: str = "",
    link: str = "",
    note: str = "",
    source: str = Deployment.Source.API,
    by: object = None,
) -> tuple[Deployment, bool]:
    """The release, and whether it is new. Who posts one that was only seen so far knows better when it began. Raises
    ValidationError."""
    given = Deployment(
        project=project, service=service, version=version, at=at, source=source, link=link, note=note,
        created_by=by if isinstance(by, User) else None,
    )  # fmt: skip
    given.clean_fields(exclude=("project", "created_by"))
    with transaction.atomic():
        known, new = Deployment.objects.get_or_create(
            project=project, service=service, version=version,
            defaults={"at": at, "source": source, "link": link, "note": note, "created_by": given.created_by},
        )  # fmt: skip
        if not new and known.source == Deployment.Source.SEEN and source != Deployment.Source.SEEN:
            known.at, known.source, known.link, known.note = at, source, link, note
            known.verdict = known.judged = None
            known.save()
        if new:
            post_news(
                project, NewsKind.RELEASE, f"{known} was released"[:200], now,
                key=f"{service}\x1f{version}", at=at, text=note, link=link,
                data={"service": service, "version": version},
            )  # fmt: skip
    return known, new


def post_news(
    project: Project,
    kind: str,
    title: str,
    now: datetime,
    *,
    key: str,
    at: datetime | None = None,
    text: str = "",
    link: str = "",
    data: Mapping[str, Any] | None = None,
) -> tuple[News, bool]:
    """The line, and whether it is new: of each kind a key is told once. Raises ValidationError."""
    given = News(
        project=project, kind=kind, dedup=key, at=at or now, recorded=now, title=title, text=text, link=link,
        data=dict(data or {}),
    )  # fmt: skip
    given.clean_fields(exclude=("project",))
    return News.objects.get_or_create(
        project=project, kind=kind, dedup=key,
        defaults={"at": given.at, "recorded": now, "title": title, "text": text, "link": link, "data": given.data},
    )  # fmt: skip


def raise_alert(project: Project, given: Raised, now: datetime, origin: str = Origin.API) -> tuple[Incident, bool]:
    """The open incident of this key, and whether it is new. Raises ValidationError."""
    labels = _labels(given.labels)
    made = Incident(
        project=project, origin=origin, dedup=given.key, title=given.title, sentence=given.sentence or given.title,
        severity=given.severity, labels=labels, started=given.started or now, raised=now, link=given.link,
    )  # fmt: skip
    made.clean_fields(exclude=("project", "rule", "acknowledged_by"))
    known = _open(project, given.key, origin)
    if known is not None:
        return known, False
    try:
        with transaction.atomic():
            made.save()
            IncidentEvent.objects.create(
                project=project, incident=made, kind=EventKind.RAISED, at=made.started, recorded=now,
                text=made.sentence, data={"labels": labels},
            )  # fmt: skip
    except IntegrityError:
        # Somebody said the same at the same moment.
        known = _open(project, given.key, origin)
        if known is None:
            raise
        return known, False
    return made, True


def end_alert(
    project: Project, key: str, at: datetime, now: datetime, origin: str = Origin.API, why: str = ""
) -> Incident | None:
    """The incident that it ends; None where none of this key is open."""
    known = _open(project, key, origin)
    if known is None:
        return None
    with transaction.atomic():
        at = max(at, known.started)
        if Incident.objects.filter(pk=known.pk, ended=None).update(ended=at) != 1:
            return None
        IncidentEvent.objects.create(
            project=project, incident=known, kind=EventKind.RESOLVED, at=at, recorded=now, text=why
        )
    known.ended = at
    return known


def _open(project: Project, key: str, origin: str) -> Incident | None:
    return Incident.objects.filter(project=project, origin=origin, dedup=key, ended=None).first()


def _labels(given: Mapping[str, Any]) -> dict[str, str]:
    return {str(name)[:100]: str(value)[:MAX_VALUE] for name, value in list(given.items())[:MAX_LABELS]}
