"""The timeline of an incident: what happened, when, and who did it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import User
from alerts.data import EventKind
from alerts.evaluate.machine import STALE
from alerts.evaluate.rule import Spec
from alerts.models import IncidentEvent

from .groups import value

MESSAGES = {
    "raised": "told",
    "escalated": "told, as nobody had acknowledged",
    "reminder": "told again",
    "resolved": "told that it is over",
    "flapping": "told that it comes and goes",
}
SAID = {
    EventKind.RAISED: "Found to be wrong",
    EventKind.JOINED: "Wrong too",
    EventKind.LEFT: "Well again",
    EventKind.RESOLVED: "Over",
    EventKind.FLAPPING: "It comes and goes: nothing more is told until it settles",
    EventKind.SETTLED: "It has settled",
    EventKind.HELD: "Nobody is told",
    EventKind.ACKNOWLEDGED: "Acknowledged",
    EventKind.TAKEN_BACK: "Acknowledgement taken back",
    EventKind.COMMENT: "Comment",
}
LEAD = ("nobody is told: ",)  # as held reasons begin, which the line says already


@dataclass(frozen=True, slots=True)
class Line:
    """``what``: in our words; ``of``: a name that came with requests; ``text``: what somebody wrote."""

    at: datetime
    kind: str
    what: str
    of: str = ""
    value: str = ""
    text: str = ""
    who: str = ""


def lines(events: Sequence[IncidentEvent], spec: Spec | None) -> list[Line]:
    """The newest first: what matters at night stands where the reader looks. ``events``: with who did them."""
    return [
        _line(event, spec) for event in sorted(events, key=lambda one: (one.at, one.recorded, one.pk), reverse=True)
    ]


def _line(event: IncidentEvent, spec: Spec | None) -> Line:
    kind, who = event.kind, name_of(event.by)
    if kind == EventKind.COMMENT:
        return Line(event.at, kind, "", text=event.text, who=who)
    if kind == EventKind.NOTIFIED:
        channel, _, message = event.text.rpartition(": ")
        return Line(event.at, kind, MESSAGES.get(message, "told"), of=channel or event.text)
    if kind == EventKind.HELD:
        why = event.text
        for lead in LEAD:
            why = why.removeprefix(lead)
        return Line(event.at, kind, SAID[EventKind.HELD], text=why)
    stale = kind in (EventKind.LEFT, EventKind.RESOLVED) and event.data.get("reason") == STALE
    what = f"{SAID[EventKind(kind)]}, as nothing was measured for hours" if stale else SAID[EventKind(kind)]
    given = event.data.get("value")
    shown = value(spec, given) if given is not None and not stale else ""
    return Line(event.at, kind, what, of=event.text, value=shown, who=who)


def name_of(user: User | None) -> str:
    return (user.name or user.email) if user is not None else ""
