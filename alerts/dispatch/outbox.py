"""The outbox is filled: for each incident the messages that are due, a row for each channel.

What is told once is claimed by conditional update in the transaction that makes its rows; what may be found again and
again (escalations, reminders) has the same step each time, and a row that is there is left alone.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from alerts.data import DeliveryState, EventKind, Origin
from alerts.models import Channel, Delivery, Evaluation, Incident, IncidentEvent, Policy
from alerts.watch.rounds import watermark

from . import steps
from .suppress import Quiet

GROUPED = timedelta(minutes=5)  # others of a rule that fires are told of together, so often at most
CATCHING_UP = timedelta(minutes=3)  # steps behind, with which nobody is told of rules yet: most of it may be over
STUCK = timedelta(minutes=5)  # since the last round: then what is known is told
NOBODY = "nobody is told: no channel is set up, or none that works"
UPDATES = (EventKind.JOINED, EventKind.FLAPPING, EventKind.SETTLED)

logger = logging.getLogger(__name__)


def projects_due(now: datetime) -> list[int]:
    """Those with an incident of which somebody may have to be told."""
    waiting = Incident.objects.filter(end_notified=None)
    return list(waiting.order_by("project_id").values_list("project_id", flat=True).distinct())


def dispatch(project_id: int, now: datetime) -> int:
    """Returns the number of messages that were put into the outbox."""
    quiet = Quiet.of(project_id, now)
    people = People.of(project_id)
    waiting = Incident.objects.filter(project_id=project_id, end_notified=None).select_related("rule")
    if _catching_up(project_id, now):
        waiting = waiting.exclude(origin=Origin.RULE)
    return sum(_one(incident, quiet, people, now) for incident in waiting.order_by("raised", "id"))


def _catching_up(project_id: int, now: datetime) -> bool:
    """Whether missed steps are being evaluated just now: what they raise, the next ones may resolve."""
    behind = Evaluation.objects.filter(project_id=project_id, up_to__lt=watermark(now) - CATCHING_UP)
    return behind.filter(finished__gt=now - STUCK).exists()


@dataclass(frozen=True, slots=True)
class People:
    """The policies of a project, and which of its channels may be used."""

    channels: frozenset[UUID]
    policies: dict[UUID, Policy]
    default: Policy | None

    @classmethod
    def of(cls, project_id: int) -> "People":
        channels = Channel.objects.filter(project_id=project_id, enabled=True).values_list("pk", flat=True)
        policies = {policy.pk: policy for policy in Policy.objects.filter(project_id=project_id)}
        default = next((policy for policy in policies.values() if policy.default), None)
        return cls(frozenset(channels), policies, default)

    def policy(self, incident: Incident) -> Policy | None:
        own = incident.rule.policy_id if incident.rule is not None else None
        return self.policies.get(own, self.default) if own else self.default

    def levels(self, incident: Incident) -> list[steps.Level]:
        """Those that reach somebody; the first one that does is told at once."""
        policy = self.policy(incident)
        if policy is None:
            return []
        listed = [steps.Level(int(level["after"]), self._working(level["channels"])) for level in policy.levels]
        return [level for level in listed if level.channels]

    def repeat(self, incident: Incident) -> int:
        policy = self.policy(incident)
        return policy.repeat_minutes if policy is not None else 0

    def _working(self, ids: Iterable[str]) -> tuple[UUID, ...]:
        return tuple(id for id in map(UUID, ids) if id in self.channels)


def _one(incident: Incident, quiet: Quiet, people: People, now: datetime) -> int:
    if incident.ended is not None:
        return _end(incident, now)
    levels = people.levels(incident)
    why = quiet.why(incident, now) or ("" if levels else NOBODY)
    if why:
        _hold(incident, why, now)
        return 0
    if incident.notified is None:
        return _begin(incident, levels, now)
    return _go_on(incident, levels, people.repeat(incident), now) + _update(incident, levels, now)


def _hold(incident: Incident, why: str, now: datetime) -> None:
    """Said on the timeline once for each reason."""
    with transaction.atomic():
        if Incident.objects.filter(pk=incident.pk, held=incident.held).exclude(held=why).update(held=why):
            _note(incident, EventKind.HELD, now, why)


def _note(incident: Incident, kind: EventKind, now: datetime, text: str) -> IncidentEvent:
    return IncidentEvent.objects.create(
        project_id=incident.project_id, incident=incident, kind=kind, at=now, recorded=now, text=text
    )


def _begin(incident: Incident, levels: Sequence[steps.Level], now: datetime) -> int:
    with transaction.atomic():
        claimed = Incident.objects.filter(pk=incident.pk, notified=None, ended=None)
        if claimed.update(notified=now, updated=now, held="") != 1:
            return 0
        event = _event(incident)
        message = "flapping" if incident.flapping else "raised"
        return _queue(incident, event, 0, message, levels[0].channels, now)


def _event(incident: Incident) -> IncidentEvent:
    """What began the incident: the messages of its escalations and reminders are of it too."""
    return incident.events.filter(kind__in=(EventKind.RAISED, EventKind.FLAPPING)).order_by("id")[0]


def _queue(
    incident: Incident, event: IncidentEvent, step: int, message: str, channels: Iterable[UUID], now: datetime
) -> int:
    """Rows that are there already are left as they are."""
    wanted = dict.fromkeys(channels)
    there = set(Delivery.objects.filter(event=event, step=step).values_list("channel_id", flat=True))
    rows = [
        Delivery(
            project_id=incident.project_id, event=event, channel_id=channel, step=step, message=message, created=now,
            due=now,
        )
        for channel in wanted
        if channel not in there
    ]  # fmt: skip
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _go_on(incident: Incident, levels: Sequence[steps.Level], repeat_minutes: int, now: datetime) -> int:
    """Escalations and reminders that have come since the first were told."""
    assert incident.notified is not None
    due = [one for one in steps.due(levels, repeat_minutes, incident.notified, incident.acknowledged, now) if one.step]
    if not due:
        return 0
    event = _event(incident)
    queued = 0
    with transaction.atomic():
        # Nothing after the end: whoever ends or acknowledges it changes the row that is locked here.
        still = Q(pk=incident.pk, ended=None, acknowledged=incident.acknowledged)
        if Incident.objects.filter(still).update(held="") == 1:
            for one in due:
                queued += _queue(incident, event, one.step, one.message, one.channels, now)
    return queued


def _update(incident: Incident, levels: Sequence[steps.Level], now: datetime) -> int:
    """Others of the rule that fire too, and that it flaps or has settled: together, and not more often than GROUPED."""
    since = incident.updated or incident.notified
    assert since is not None
    if now - since < GROUPED:
        return 0
    news = incident.events.filter(kind__in=UPDATES, recorded__gt=since).order_by("-id").first()
    if news is None:
        return 0
    with transaction.atomic():
        claimed = Incident.objects.filter(pk=incident.pk, ended=None, updated=incident.updated)
        if claimed.update(updated=now) != 1:
            return 0
        message = "flapping" if news.kind == EventKind.FLAPPING else "raised"
        return _queue(incident, news, 0, message, levels[0].channels, now)


def _end(incident: Incident, now: datetime) -> int:
    """Whoever was told of the beginning is told of the end. What still waits to be sent of the beginning is not sent
    any more: the message of the end says both."""
    with transaction.atomic():
        if Incident.objects.filter(pk=incident.pk, end_notified=None).update(end_notified=now) != 1:
            return 0
        if incident.notified is None:
            return 0
        told = Delivery.objects.filter(event__incident=incident)
        channels = list(told.order_by("created", "id").values_list("channel_id", flat=True))
        told.filter(state=DeliveryState.QUEUED).update(state=DeliveryState.OBSOLETE, finished=now)
        event = incident.events.filter(kind=EventKind.RESOLVED).order_by("-id")[0]
        return _queue(incident, event, 0, "resolved", channels, now)
