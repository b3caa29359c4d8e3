"""Who is affected by an incident: its endpoints, consumers, … with how they were found and how they are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from alerts.data import EventKind
from alerts.evaluate.machine import State
from alerts.evaluate.rule import Spec
from alerts.models import Alert, Incident, IncidentEvent
from alerts.watch import words
from alerts.watch.watched import Watched
from endpoint_stats.pages.address import Address
from endpoint_stats.query.render import number
from endpoint_stats.query.spec import Filters

from .times import of_address

MOST = 50
OF_GROUPS = (EventKind.RAISED, EventKind.JOINED, EventKind.LEFT, EventKind.RESOLVED, EventKind.FLAPPING)
GONE = (EventKind.LEFT, EventKind.RESOLVED)
STATES = {
    State.FIRING: "wrong now",
    State.RECOVERING: "well, not yet for long",
    State.PENDING: "begins to be wrong",
    State.INACTIVE: "well, may come back",
    State.RESOLVED: "well, may come back",
}
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """``found``: its value when it was found to be wrong; ``last``: the last one that is known. ``failing``: now."""

    labels: Labels
    name: str
    service: str
    found: str
    last: str
    state: str
    failing: bool
    joined: datetime
    link: str


def affected(
    incident: Incident, watched: Watched | None, events: Iterable[IncidentEvent], alerts: Iterable[Alert], now: datetime
) -> list[Group]:
    """Those that are wrong now first. ``events``: of the timeline, in order; ``alerts``: the states that belong to it.
    Empty where the incident is of all together."""
    spec = watched.spec if watched else None
    rows = {_key(row.labels): row for row in alerts}
    seen: dict[tuple[tuple[str, str], ...], list[IncidentEvent]] = {}
    for event in events:
        labels = event.data.get("labels")
        if event.kind in OF_GROUPS and labels:
            seen.setdefault(_key(labels), []).append(event)
    found = [_group(incident, watched, spec, listed, rows.get(key), now) for key, listed in seen.items()]
    return sorted(found, key=lambda one: (not one.failing, one.joined, one.name))


def _key(labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(name), str(value)) for name, value in labels.items()))


def _group(
    incident: Incident,
    watched: Watched | None,
    spec: Spec | None,
    events: Sequence[IncidentEvent],
    row: Alert | None,
    now: datetime,
) -> Group:
    labels = {str(name): str(value) for name, value in events[0].data["labels"].items()}
    began = next((event for event in reversed(events) if event.kind not in GONE), events[0])
    gone = incident.ended is not None or events[-1].kind in GONE
    last = events[-1].data.get("value") if gone or row is None else row.memory.get("value")
    state = "well again" if gone or row is None else STATES[State(row.state)]
    name = named(labels)
    return Group(
        labels,
        name,
        labels.get("service", "") if labels.get("endpoint") else "",
        value(spec, began.data.get("value")),
        value(spec, last),
        state,
        not gone and row is not None and row.state == State.FIRING,
        events[0].at,
        link(incident, watched, labels, now),
    )


def named(labels: Labels) -> str:
    """Whom the labels speak of, without the service of an endpoint, which stands beside it."""
    if not labels.get("endpoint"):
        return words.subject(labels) or "not named"
    own = ("endpoint", "endpoint_id", "service", "method", "route")
    others = words.subject({name: value for name, value in labels.items() if name not in own})
    return ", ".join(filter(None, (labels["endpoint"], others)))


def value(spec: Spec | None, given: float | None) -> str:
    """With the unit of the rule's metric; of another system's as it came."""
    if spec is not None:
        return words.value(spec, given)
    return "–" if given is None else number(given)


def link(incident: Incident, watched: Watched | None, labels: Labels, now: datetime) -> str:
    """The page of the group in the incident's range; empty where there is none."""
    if watched is None:
        return ""
    filters = dict(narrowed(watched, labels))
    slug, address = incident.project.slug, Address(of_address(incident, now))
    if labels.get("endpoint_id"):
        for name in ("endpoint", "service", "method", "route"):
            filters.pop(name, None)
        path = reverse("endpoint", args=[slug, labels["endpoint_id"]])
    else:
        path = reverse("overview", args=[slug])
    for name, values in filters.items():
        address = address.filtered(name, *values)
    return f"{path}?{address.query()}"


def narrowed(watched: Watched, *groups: Labels) -> Filters:
    """The rule's filters, and those that leave these groups alone of what it watches."""
    filters = dict(watched.filters)
    for name in watched.group_by:
        of = "endpoint_id" if name == "endpoint" else name
        values = tuple(dict.fromkeys(labels[of] for labels in groups if of in labels))
        if values:
            filters[name] = values
    return tuple(sorted(filters.items()))
