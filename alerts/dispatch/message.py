"""What a delivery says: made when it is sent, so that it says how things are then."""

from datetime import datetime

from django.conf import settings
from django.urls import reverse

from alerts.data import EventKind
from alerts.evaluate.rule import Spec, SpecError
from alerts.models import Channel, Delivery, Incident, IncidentEvent
from alerts.transports.base import Item, Message
from alerts.transports.base import Project as Named
from alerts.watch import words
from alerts.watch.watched import watched
from endpoint_stats.query.render import number

MOST_GROUPS = 50


def message_of(delivery: Delivery) -> Message:
    incident = delivery.event.incident
    project = incident.project
    link = absolute(reverse("incident", args=[project.slug, incident.pk]))
    return Message(
        id=str(delivery.pk),
        kind=delivery.message,  # type: ignore[arg-type]
        title=incident.title,
        sentence=incident.sentence,
        project=Named(project.name, project.slug),
        severity=incident.severity,  # type: ignore[arg-type]
        facts=facts(incident),
        incident_id=str(incident.pk),
        rule_name=incident.rule.name if incident.rule is not None else incident.get_origin_display(),
        labels={str(name): str(value) for name, value in incident.labels.items()},
        started=incident.started,
        ended=incident.ended,
        link=link,
        silence_link=f"{absolute(reverse('silences', args=[project.slug]))}?incident={incident.pk}",
        zone=project.time_zone,
        alerts=groups(incident),
    )


def test_message(channel: Channel, id: str, now: datetime) -> Message:
    project = channel.project
    return Message(
        id=id,
        kind="test",
        title=f"A test from {project.name}",
        sentence=f"The channel “{channel.name}” works: this is how an alert will arrive.",
        project=Named(project.name, project.slug),
        started=now,
        link=absolute(reverse("channels", args=[project.slug])),
        zone=project.time_zone,
    )


def absolute(path: str) -> str:
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}"


def spec_of(incident: Incident) -> Spec | None:
    """None for what no rule raised, or one that cannot be read any more: its numbers have no unit then."""
    try:
        return watched(incident.rule).spec if incident.rule is not None else None
    except SpecError:
        return None


def facts(incident: Incident) -> tuple[tuple[str, str], ...]:
    found = []
    spec = spec_of(incident)
    if incident.peak is not None and spec is not None:
        found.append(("Worst", words.value(spec, incident.peak)))
    if incident.rule is not None and incident.rule.advice:
        found.append(("What to do", incident.rule.advice))
    if incident.acknowledged_by is not None:
        found.append(("Acknowledged by", incident.acknowledged_by.name or incident.acknowledged_by.email))
    return tuple(found)


def groups(incident: Incident) -> tuple[Item, ...]:
    """Each group that was part of it, by its last line on the timeline."""
    spec = spec_of(incident)
    last: dict[str, IncidentEvent] = {}
    kinds = (EventKind.RAISED, EventKind.JOINED, EventKind.LEFT, EventKind.RESOLVED, EventKind.FLAPPING)
    for event in incident.events.filter(kind__in=kinds).order_by("id"):
        last[event.text] = event
    found = []
    for event in list(last.values())[:MOST_GROUPS]:
        gone = incident.ended is not None or event.kind in (EventKind.LEFT, EventKind.RESOLVED)
        labels = {str(name): str(value) for name, value in event.data.get("labels", {}).items()}
        value = event.data.get("value")
        text = words.value(spec, value) if spec is not None else "" if value is None else number(value)
        found.append(Item(labels, text, "resolved" if gone else "firing"))
    return tuple(found)
