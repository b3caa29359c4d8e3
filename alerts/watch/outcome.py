"""What came of a round: states, incidents and their timelines, written in the transaction that claimed it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from alerts.data import EventKind, Origin
from alerts.evaluate.machine import Alert as Memory
from alerts.evaluate.machine import Transition
from alerts.evaluate.rule import Spec
from alerts.evaluate.step import Change
from alerts.models import Alert, Incident, IncidentEvent, Rule

from . import words
from .watched import Group, Watched

Labels = Mapping[Group, dict[str, str]]
Step = tuple[datetime, Watched, list[Change[Group]], Labels]
MOST_NAMED = 20  # groups of an incident whose labels stand in it


def key_of(group: Group) -> str:
    return sha256("\x1f".join(group).encode("utf-8", "surrogatepass")).hexdigest()


def belongs(alert: Memory | None) -> bool:
    """Whether a group in this state is part of its rule's incident: one that flaps is so until it has settled."""
    return alert is not None and (alert.active or alert.flapping)


def keep(project_id: int, steps: Sequence[Step], problems: Mapping[UUID, str], now: datetime) -> None:
    """A bounded number of statements, however many rules and groups there are. Of a rule that was changed or switched
    off since it was read nothing is kept."""
    _keep_problems(project_id, problems)
    ids = {rule.id for _, rule, _, _ in steps}
    if not ids:
        return
    rules = {rule.pk: rule for rule in Rule.objects.filter(pk__in=ids, enabled=True)}
    books = {id: _Book(rule) for id, rule in rules.items()}
    for row in Alert.objects.filter(project_id=project_id, rule__in=rules):
        books[row.rule_id].rows[tuple(row.group)] = row
    incidents = Incident.objects.filter(
        project_id=project_id, origin=Origin.RULE, ended=None, dedup__in=[str(id) for id in rules]
    )
    for incident in incidents:
        books[UUID(incident.dedup)].incident = incident
    for at, watched, changes, labels in steps:
        book = books.get(watched.id)
        if book is not None and book.rule.revision == watched.revision:
            for change in changes:
                book.enter(at, watched, change, labels, now)
    _write(project_id, list(books.values()))


def _keep_problems(project_id: int, problems: Mapping[UUID, str]) -> None:
    Rule.objects.filter(project_id=project_id).exclude(problem="").exclude(pk__in=problems).update(problem="")
    for text in sorted(set(problems.values())):
        ids = [id for id, said in problems.items() if said == text]
        Rule.objects.filter(pk__in=ids).exclude(problem=text[:300]).update(problem=text[:300])


@dataclass
class _Book:
    """Of one rule: the rows of its groups, its open incident, and what is to be written."""

    rule: Rule
    rows: dict[Group, Alert] = field(default_factory=dict)
    incident: Incident | None = None
    changed: dict[Group, Alert] = field(default_factory=dict)
    gone: list[Alert] = field(default_factory=list)
    new: list[Incident] = field(default_factory=list)
    touched: dict[UUID, Incident] = field(default_factory=dict)
    events: list[IncidentEvent] = field(default_factory=list)

    def enter(self, at: datetime, watched: Watched, change: Change[Group], labels: Labels, now: datetime) -> None:
        row = self.rows.get(change.group)
        was_in = row is not None and row.incident_id is not None
        said = labels.get(change.group) or (row.labels if row else {})
        is_in = belongs(change.alert)
        if is_in:
            self._join(at, watched.spec, change, said, now, was_in)
        elif was_in:
            self._leave(at, change, said, now)
        if change.alert is None:
            if row is not None:
                self.gone.append(row)
                self.changed.pop(change.group, None)
                del self.rows[change.group]
            return
        row = row or Alert(
            project_id=self.rule.project_id, rule=self.rule, group=list(change.group), key=key_of(change.group)
        )
        row.revision, row.labels, row.state = self.rule.revision, said, change.alert.state.value
        row.memory, row.incident = change.alert.to_json(), self.incident if is_in else None
        self.rows[change.group] = self.changed[change.group] = row

    def _join(
        self, at: datetime, spec: Spec, change: Change[Group], said: dict[str, str], now: datetime, was_in: bool
    ) -> None:
        alert = change.alert
        assert alert is not None
        opened = self.incident is None
        if self.incident is None:
            self.incident = Incident(
                project_id=self.rule.project_id, rule=self.rule, origin=Origin.RULE, dedup=str(self.rule.pk),
                title=words.title(self.rule.name, self.rule.group_by, [said]),
                sentence=words.sentence(spec, said, change.judgement), severity=self.rule.severity, labels=said,
                started=alert.started or at, raised=at,
            )  # fmt: skip
            self.new.append(self.incident)
        incident = self.incident
        self.touched[incident.pk] = incident
        self._peak(spec, alert)
        if change.transition is Transition.FLAPPING:
            incident.flapping = True
        kind = _kind(change.transition, opened, was_in)
        if kind is not None:
            self._tell(kind, at, now, change, said)
            if kind == EventKind.JOINED:
                named = [row.labels for row in self.rows.values() if row.incident_id == incident.pk]
                incident.title = words.title(self.rule.name, self.rule.group_by, [*named, said])

    def _leave(self, at: datetime, change: Change[Group], said: dict[str, str], now: datetime) -> None:
        incident = self.incident
        if incident is None:
            return
        self.touched[incident.pk] = incident
        others = [group for group, row in self.rows.items() if group != change.group and row.incident_id == incident.pk]
        if others:
            self._tell(EventKind.LEFT, at, now, change, said)
            return
        self._tell(EventKind.RESOLVED, at, now, change, said)
        incident.ended = at
        self.incident = None

    def _peak(self, spec: Spec, alert: Memory) -> None:
        incident = self.incident
        assert incident is not None
        if alert.peak is None:
            return
        worse = max if spec.above and spec.kind != "no_data" else min
        peak = alert.peak if incident.peak is None else worse(alert.peak, incident.peak)
        if peak != incident.peak:
            incident.peak, incident.peak_at = peak, alert.at

    def _tell(self, kind: EventKind, at: datetime, now: datetime, change: Change[Group], said: dict[str, str]) -> None:
        assert self.incident is not None
        judged = change.judgement
        data: dict[str, Any] = {"labels": said, "value": judged.value, "limit": judged.limit, "reason": judged.reason}
        if change.alert is not None and change.alert.reason:
            data["reason"] = change.alert.reason
        self.events.append(
            IncidentEvent(
                project_id=self.rule.project_id,
                incident=self.incident,
                kind=kind,
                at=at,
                recorded=now,
                text=words.subject(said)[:2000],
                data=data,
            )
        )


def _kind(transition: Transition | None, opened: bool, was_in: bool) -> EventKind | None:
    """What a group says that is in the incident after a step; None where nothing changed that is to be told."""
    if transition is Transition.FLAPPING:
        return EventKind.FLAPPING
    if transition is Transition.SETTLED:
        return EventKind.SETTLED
    if opened:
        return EventKind.RAISED
    return None if was_in else EventKind.JOINED


def _write(project_id: int, books: Iterable[_Book]) -> None:
    """``_state.adding`` tells new rows from those that were read."""
    listed = list(books)
    new = [incident for book in listed for incident in book.new]
    made = {incident.pk for incident in new}
    Incident.objects.bulk_create(new)
    touched = [one for book in listed for one in book.touched.values() if one.pk not in made]
    Incident.objects.bulk_update(touched, ("ended", "peak", "peak_at", "title", "flapping"), batch_size=500)
    IncidentEvent.objects.bulk_create([event for book in listed for event in book.events])
    Alert.objects.filter(pk__in=[row.pk for book in listed for row in book.gone]).delete()
    changed = [row for book in listed for row in book.changed.values()]
    added = [row for row in changed if row._state.adding]
    stored = [row for row in changed if not row._state.adding]
    Alert.objects.bulk_create(added, batch_size=500)
    Alert.objects.bulk_update(stored, ("revision", "labels", "state", "memory", "incident"), batch_size=200)
