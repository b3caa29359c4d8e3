"""Incidents and deployments as marks on time axes, as far as what is filtered lets them through."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, Q, TextField, Value
from django.db.models.functions import Cast

from accounts.models import Project
from alerts.data import EventKind
from alerts.models import Deployment, IncidentEvent
from endpoint_stats.pages.registry import Mark
from endpoint_stats.query.spec import Filters

Filtered = Mapping[str, Collection[str]]


def marks(project: Project, start: datetime, end: datetime, filters: Filters) -> list[Mark]:
    """In ``[start, end)``, of one statement. An incident stands at its start, or where the first joined of those that
    the filters leave."""
    going_on = Q(incident__ended=None) | Q(incident__ended__gte=start)
    events = IncidentEvent.objects.filter(
        going_on, project=project, kind__in=(EventKind.RAISED, EventKind.JOINED), incident__started__lt=end
    )
    rows = events.order_by().values_list(
        _text("kind"), _text("incident__title"), F("incident__started"), F("at"), _text("data"),
        _text("incident__rule__filters"), F("incident_id"),
    )  # fmt: skip
    released = Deployment.objects.filter(project=project, at__gte=start, at__lt=end).order_by()
    nothing = Value("", output_field=TextField())
    both = rows.union(
        released.values_list(
            Value("release", output_field=TextField()), _text("version"), F("at"), F("at"), _text("service"), nothing,
            F("id"),
        ),
        all=True,
    )  # fmt: skip
    found: dict[Any, Mark] = {}
    for what, label, began, moment, said, rule, id in both:
        if what == "release":
            if _released(said, label, dict(filters)):
                found[id] = Mark(moment, f"{said} {label}".strip(), "release")
        elif passes(json.loads(said).get("labels") or {}, dict(json.loads(rule or "[]")), filters):
            time = began if what == EventKind.RAISED else moment
            if id not in found or time < found[id].time:
                found[id] = Mark(time, label, "alert")
    return [mark for mark in found.values() if start <= mark.time < end]


def _text(name: str) -> Cast:
    return Cast(name, TextField())


def _released(service: str, version: str, filters: Filtered) -> bool:
    services, versions = filters.get("service"), filters.get("release")
    return (not services or not service or service in services) and (not versions or version in versions)


def passes(labels: Mapping[str, Any], rule: Filtered, filters: Filters) -> bool:
    """Whether what is wrong may be among what the filters leave: neither its labels nor what its rule looks at say
    otherwise."""
    for name, values in filters:
        wanted = set(values)
        said = {str(labels[one]) for one in (name, f"{name}_id") if one in labels}
        if said and not said & wanted:
            return False
        if name in rule and not said and not _overlap(name, set(rule[name]), wanted):
            return False
    return True


def _overlap(name: str, one: set[str], other: set[str]) -> bool:
    if name == "status":  # classes (5xx) and numbers
        return bool({value[:1] for value in one} & {value[:1] for value in other})
    return name == "endpoint" or bool(one & other)
