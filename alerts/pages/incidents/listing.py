"""The incidents of a project as their page shows them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.models import Project
from alerts.models import Incident
from alerts.services import incidents as service

from . import said
from .groups import value
from .shown import address_of, rule_of
from .timeline import name_of

FILTERS = (("", "All"), ("open", "Open"), ("past", "Past"))


def listing(project: Project, state: str, before: UUID | None, now: datetime) -> dict[str, Any]:
    """Raises Incident.DoesNotExist for a ``before`` that is not the project's."""
    found = service.listed(project, state, before)
    first = before is None and not state
    open_ones = found.open if first else service.open_of(project)
    last = service.last_ended(project)
    return {
        "sentence": said.how_things_are(open_ones, last, now, project.time_zone),
        "failing": bool(open_ones),
        "anything": bool(open_ones or last),
        "open": [_row(one, now) for one in found.open],
        "past": [_row(one, now) for one in found.past],
        "more": found.more,
        "state": state,
        "filters": [{"name": name, "title": title, "current": name == state} for name, title in FILTERS],
        "rules": address_of("rules", project.slug),
    }


def _row(incident: Incident, now: datetime) -> dict[str, Any]:
    rule = rule_of(incident)
    return {
        "incident": incident,
        "lasted": said.lasted(incident, now),
        "peak": value(rule.spec if rule else None, incident.peak),
        "by": (name_of(incident.acknowledged_by) or "somebody who is gone") if incident.acknowledged else "",
    }
