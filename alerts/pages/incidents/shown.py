"""One incident as its page shows it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import NoReverseMatch, reverse

from accounts.models import Project, User
from alerts.data import EventKind, Origin, Severity
from alerts.evaluate.rule import SpecError
from alerts.models import Alert, Incident, IncidentEvent
from alerts.watch.watched import Watched, watched
from endpoint_stats.pages.address import Address
from endpoint_stats.query.kept import kept_reading

from . import evidence, said, timeline
from .chart import chart
from .groups import MOST, Group, affected, narrowed, value
from .times import around, of_address

EVENTS = 1000  # of the timeline, the newest: of these the groups are known
LINES = 200
ORIGINS = {Origin.API: "another system, by the API", Origin.ALERTMANAGER: "Alertmanager"}
SEVERITIES = {Severity.PAGE: "page: somebody must look now", Severity.TICKET: "ticket: in working hours"}


def find(project: Project, id: UUID) -> Incident | None:
    rows = Incident.objects.filter(project=project, pk=id)
    return rows.select_related("rule", "acknowledged_by", "project").first()


def state(incident: Incident, now: datetime) -> dict[str, Any]:
    """What changes while it is open: facts, groups, timeline."""
    rule = rule_of(incident)
    spec = rule.spec if rule else None
    newest = IncidentEvent.objects.filter(incident=incident).select_related("by").order_by("-at", "-id")[:EVENTS]
    events = list(reversed(newest))
    alerts = Alert.objects.filter(incident=incident)
    listed = affected(incident, rule, events, alerts, now)
    lines = timeline.lines(events, spec)
    return {
        "incident": incident,
        "rule": rule,
        "severity": SEVERITIES[Severity(incident.severity)],
        "origin": ORIGINS.get(Origin(incident.origin), ""),
        "lasted": said.lasted(incident, now),
        "since": said.clock(incident.started, now, incident.project.time_zone),
        "condition": said.condition(spec) if spec else "",
        "peak": value(spec, incident.peak) if incident.peak is not None else "",
        "acknowledged_by": timeline.name_of(incident.acknowledged_by) or "somebody who is gone",
        "told": sum(line.kind == EventKind.NOTIFIED for line in lines),
        "groups": listed[:MOST],
        "more_groups": max(len(listed) - MOST, 0),
        "lines": lines[:LINES],
        "more_lines": max(len(lines) - LINES, 0),
        "overview": overview(incident, rule, now),
        "all_groups": listed,
    }


def picture(incident: Incident, rule: Watched | None, listed: Sequence[Group], now: datetime) -> dict[str, Any]:
    drawn, why = chart(incident, rule, [group.labels for group in listed], now)
    return {"chart": drawn, "no_chart": why}


def behind(
    user: User, incident: Incident, rule: Watched | None, listed: Sequence[Group], now: datetime
) -> dict[str, Any]:
    """Consumers and examples; nothing of what another system raised."""
    if rule is None:
        return {}
    start, end = around(incident, now)
    labels = [group.labels for group in listed]
    with kept_reading(user, incident.project_id) as store:
        named = evidence.consumers(store, rule, labels, start, end, now)
    title, found = evidence.samples(incident.project, rule, labels, start, end)
    return {"consumers": named, "samples_title": title, "samples": found}


def overview(incident: Incident, rule: Watched | None, now: datetime) -> str:
    """The overview of what the rule watches, around the incident."""
    filters = narrowed(rule) if rule else ()
    query = Address(of_address(incident, now), filters).query()
    return f"{reverse('overview', args=[incident.project.slug])}?{query}"


def rule_of(incident: Incident) -> Watched | None:
    """None for what no rule raised, or one that cannot be read any more: its numbers have no unit then."""
    try:
        return watched(incident.rule) if incident.rule is not None else None
    except SpecError:
        return None


def address_of(name: str, *arguments: object) -> str:
    """Of a page that an installation may not have; empty where it has none."""
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""
