"""When nobody is told: silences, maintenance windows that come back, and inhibitions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.models import Project, User, time_zones
from alerts.dispatch.matchers import Matcher, MatcherError, labels_of, matchers, matches
from alerts.models import Incident, Inhibition, Maintenance, Silence

from .noting import noted, packed, unpacked
from .schedules import checked

LONGEST_SILENCE = timedelta(days=90)
MOST = 200  # silences that last, windows, inhibitions: of each kind in a project
LONGEST_WINDOW = 7 * 24 * 60  # minutes
LISTED = timedelta(days=7)  # that silences which are over stay in the list
# Of an incident's labels, those that others say again, or that nobody can read.
SAID_TWICE = frozenset({"endpoint_id", "method", "route"})

Row = Silence | Maintenance | Inhibition


@dataclass(frozen=True, slots=True)
class WantedSilence:
    """everything: no condition, and meant so."""

    conditions: Sequence[Matcher]
    expires: datetime
    comment: str
    everything: bool = False


@dataclass(frozen=True, slots=True)
class WantedWindow:
    """No condition: all of the project. schedule: cron, in ``zone``."""

    name: str
    conditions: Sequence[Matcher]
    schedule: str
    minutes: int
    zone: str


@dataclass(frozen=True, slots=True)
class WantedInhibition:
    name: str
    source: Sequence[Matcher]
    target: Sequence[Matcher]
    equal: Sequence[str] = ()


def silence(
    project: Project, wanted: WantedSilence, now: datetime, *, by: User, request: HttpRequest | None = None
) -> Silence:
    """From now on. Raises ValidationError."""
    conditions = _conditions(wanted.conditions)
    if not conditions and not wanted.everything:
        raise ValidationError("Nobody would be told of anything at all. Name what is silenced, or tick that.")
    if not wanted.comment.strip():
        raise ValidationError("Say why, for who wonders at night.")
    if not now < wanted.expires <= now + LONGEST_SILENCE:
        raise ValidationError(
            f"A silence ends later than now, and within {LONGEST_SILENCE.days} days. "
            "Change the rule of what should never be told."
        )
    row = Silence(
        project=project, matchers=conditions, starts=now, expires=wanted.expires, comment=wanted.comment.strip(),
        created=now, created_by=by,
    )  # fmt: skip
    lasting = Silence.objects.filter(project=project, expires__gt=now)
    return _add(row, lasting.count(), f"until {wanted.expires.isoformat()}", by=by, request=request)


def end(silence: Silence, now: datetime, *, by: User, request: HttpRequest | None = None) -> dict[str, Any]:
    """At once. Returns what brings it back; empty where it was over."""
    kept = packed(silence)
    with transaction.atomic():
        if not Silence.objects.filter(pk=silence.pk, expires__gt=now).update(expires=now):
            return {}
        noted(silence.project, f"{_kind(silence)} {silence}: ended", by=by, request=request)
    return kept


def add_window(
    project: Project, wanted: WantedWindow, now: datetime, *, by: User, request: HttpRequest | None = None
) -> Maintenance:
    """Raises ValidationError."""
    if wanted.zone not in time_zones():
        raise ValidationError(f"There is no time zone {wanted.zone[:60]!r}. Choose one that is listed.")
    if not 1 <= wanted.minutes <= LONGEST_WINDOW:
        raise ValidationError(f"A window lasts 1 to {LONGEST_WINDOW:,} minutes (a week).")
    row = Maintenance(
        project=project, name=wanted.name.strip(), matchers=_conditions(wanted.conditions), minutes=wanted.minutes,
        schedule=checked(wanted.schedule, wanted.zone, now), zone=wanted.zone, created=now, created_by=by,
    )  # fmt: skip
    others = Maintenance.objects.filter(project=project)
    return _add(row, others.count(), f"{row.schedule} {row.zone}, {row.minutes} min", by=by, request=request)


def add_inhibition(
    project: Project, wanted: WantedInhibition, *, by: User, request: HttpRequest | None = None
) -> Inhibition:
    """Raises ValidationError."""
    source, target = _conditions(wanted.source), _conditions(wanted.target)
    if not source or not target:
        raise ValidationError("Say what is open, and what is not told meanwhile: one condition of each at least.")
    equal = list(dict.fromkeys(name.strip() for name in wanted.equal if name.strip()))
    if len(equal) > 10 or any(len(name) > 100 for name in equal):
        raise ValidationError("Ten labels at most can be asked to be the same, of 100 characters each.")
    row = Inhibition(project=project, name=wanted.name.strip(), source=source, target=target, equal=equal)
    others = Inhibition.objects.filter(project=project)
    return _add(row, others.count(), "", by=by, request=request)


def _conditions(given: Sequence[Matcher]) -> list[list[str]]:
    """As they are stored: a condition of which nothing was filled in is none. Raises ValidationError."""
    try:
        return [list(one) for one in matchers([one for one in given if one[0].strip() or one[2]])]
    except MatcherError as error:
        raise ValidationError(str(error)) from error


def _add[Made: Row](row: Made, others: int, what: str, *, by: User, request: HttpRequest | None) -> Made:
    if others >= MOST:
        raise ValidationError(f"{MOST} are the most. Delete one that nobody needs.")
    try:
        row.full_clean(exclude=["project", "created_by", "matchers", "source", "target", "equal"])
    except ValidationError as error:
        said = [f"{name.capitalize()}: {' '.join(texts)}" for name, texts in error.message_dict.items()]
        raise ValidationError(said) from error
    with transaction.atomic():
        row.save(force_insert=True)
        details = {"what": what} if what else {}
        noted(row.project, f"{_kind(row)} {row}: added", by=by, request=request, details=details)
    return row


def _kind(row: Row) -> str:
    return {"Silence": "silence", "Maintenance": "maintenance", "Inhibition": "inhibition"}[type(row).__name__]


def switch(row: Maintenance | Inhibition, on: bool, *, by: User, request: HttpRequest | None = None) -> None:
    with transaction.atomic():
        if type(row)._default_manager.filter(pk=row.pk, enabled=not on).update(enabled=on):
            noted(row.project, f"{_kind(row)} {row}: switched {'on' if on else 'off'}", by=by, request=request)


def delete(row: Maintenance | Inhibition, *, by: User, request: HttpRequest | None = None) -> dict[str, Any]:
    """Returns what brings it back."""
    kept = packed(row)
    with transaction.atomic():
        noted(row.project, f"{_kind(row)} {row}: deleted", by=by, request=request)
        row.delete()
    return kept


def restore(project: Project, kept: Mapping[str, Any], *, by: User, request: HttpRequest | None = None) -> Row:
    """A silence that was ended, or a window or an inhibition that was deleted. Raises ValidationError."""
    row: Row = unpacked(kept, project)
    with transaction.atomic():
        row.save_base(raw=True)  # of a silence the row is there, of others it is not
        noted(project, f"{_kind(row)} {row}: brought back", by=by, request=request)
    return row


def like(incident: Incident) -> list[Matcher]:
    """Conditions that an incident meets, to begin with."""
    labels: Mapping[str, str] = labels_of(incident)
    own = ["rule"] if incident.rule is not None else ["origin"]
    names = [*own, *(str(name) for name in incident.labels if name not in SAID_TWICE or "endpoint" not in labels)]
    return [(name, "=", labels[name]) for name in dict.fromkeys(names) if labels.get(name)]


def held(project: Project, rows: Sequence[Silence | Maintenance]) -> dict[object, int]:
    """How many open incidents meet the conditions of each row, by its id."""
    opened = Incident.objects.filter(project=project, ended=None).select_related("rule")
    labels = [labels_of(one) for one in opened]
    return {row.pk: sum(matches(matchers(row.matchers), one) for one in labels) for row in rows}
