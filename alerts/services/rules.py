"""Rules as people and programs manage them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest

from accounts.audit import Action, note
from accounts.models import Project, User
from alerts.data import EventKind, Origin, RuleKind, Severity
from alerts.evaluate.burn import PAIRS
from alerts.evaluate.rule import SpecError
from alerts.models import Alert, Evaluation, Incident, IncidentEvent, Objective, Policy, Rule
from alerts.watch.watched import Watched, check

MOST = 1000  # rules of a project
# What a change of these asks anew: what was remembered of the rule says nothing any more.
ASKED = ("kind", "metric", "filters", "group_by", "condition")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule as it is entered. filters: pairs of a name and its values. condition: the numbers of its kind, as
    ``alerts.evaluate.rule.Spec`` names them."""

    name: str
    kind: str
    metric: str = ""
    filters: Sequence[Any] = ()
    group_by: Sequence[str] = ()
    condition: Mapping[str, Any] = field(default_factory=dict)
    severity: str = Severity.TICKET
    advice: str = ""
    policy_id: UUID | None = None
    enabled: bool = True

    def stored(self) -> dict[str, Any]:
        return {
            "name": self.name.strip(),
            "kind": self.kind,
            "metric": self.metric,
            "filters": [[name, list(values)] for name, values in self.filters],
            "group_by": list(self.group_by),
            "condition": dict(self.condition),
            "severity": self.severity,
            "advice": self.advice.strip(),
            "policy_id": self.policy_id,
            "enabled": self.enabled,
        }


def checked(wanted: Wanted) -> Watched | None:
    """As it would be watched; None for a rule that releases ask. Raises ValidationError with a sentence by field."""
    if wanted.kind == RuleKind.BAD_RELEASE:
        return None
    try:
        return check(uuid4(), 1, wanted.kind, wanted.metric, wanted.condition, wanted.filters, wanted.group_by)
    except SpecError as error:
        raise ValidationError({error.field: str(error)}) from error


def create(
    project: Project,
    wanted: Wanted,
    *,
    by: object,
    objective: Objective | None = None,
    request: HttpRequest | None = None,
) -> Rule:
    """Raises ValidationError with a sentence by field."""
    if Rule.objects.filter(project=project).count() >= MOST:
        raise ValidationError({"name": f"A project has {MOST:,} rules at most. Watch several by one rule: group it."})
    rule = Rule(project=project, objective=objective, created_by=by if isinstance(by, User) else None)
    _fill(rule, wanted)
    with transaction.atomic():
        rule.save()
        _note(rule, "created", by, request)
    return rule


def change(rule: Rule, wanted: Wanted, now: datetime, *, by: object, request: HttpRequest | None = None) -> Rule:
    """Where it asks something else from now on, what was raised by it ends. Raises ValidationError."""
    before = {name: getattr(rule, name) for name in ASKED}
    enabled = rule.enabled
    _fill(rule, wanted)
    anew = before != {name: getattr(rule, name) for name in ASKED}
    with transaction.atomic():
        _lock(rule.project_id)
        if anew or (enabled and not rule.enabled):
            _forget(rule, "the rule was changed" if anew else "the rule was switched off", now, by)
            rule.revision = F("revision") + 1
        rule.save()
        rule.refresh_from_db()
        _note(rule, "changed", by, request)
    return rule


def enable(rule: Rule, enabled: bool, now: datetime, *, by: object, request: HttpRequest | None = None) -> None:
    """Switched off, it raises nothing, and what it raised ends."""
    with transaction.atomic():
        _lock(rule.project_id)
        if not Rule.objects.filter(pk=rule.pk, enabled=not enabled).update(enabled=enabled, revision=F("revision") + 1):
            return
        if not enabled:
            _forget(rule, "the rule was switched off", now, by)
        what = "switched on" if enabled else "switched off"
        _note(rule, what, by, request)


def delete(rule: Rule, now: datetime, *, by: object, request: HttpRequest | None = None) -> None:
    """What it raised ends; its incidents stay, without it."""
    with transaction.atomic():
        _lock(rule.project_id)
        _forget(rule, "the rule was deleted", now, by)
        _note(rule, "deleted", by, request)
        rule.delete()


def _fill(rule: Rule, wanted: Wanted) -> None:
    checked(wanted)
    for name, value in wanted.stored().items():
        setattr(rule, name, value)
    if rule.policy_id and not Policy.objects.filter(pk=rule.policy_id, project_id=rule.project_id).exists():
        raise ValidationError({"policy": "There is no such policy in this project. Choose one of the list."})
    rule.full_clean(exclude=("project", "objective", "created_by", "policy"))


def _lock(project_id: int) -> None:
    """The workers write what a round found in a transaction that begins with this row, and look at the rules after it:
    either it sees this change, or this change sees what it wrote."""
    list(Evaluation.objects.select_for_update().filter(project_id=project_id))


def _forget(rule: Rule, why: str, now: datetime, by: object) -> None:
    Alert.objects.filter(rule=rule).delete()
    for incident in Incident.objects.filter(
        project_id=rule.project_id, origin=Origin.RULE, dedup=str(rule.pk), ended=None
    ):
        if Incident.objects.filter(pk=incident.pk, ended=None).update(ended=now):
            IncidentEvent.objects.create(
                project_id=rule.project_id, incident=incident, kind=EventKind.RESOLVED, at=now, recorded=now,
                by=by if isinstance(by, User) else None, text=why,
            )  # fmt: skip


def _note(rule: Rule, what: str, by: object, request: HttpRequest | None) -> None:
    note(
        Action.RULE_CHANGED, by=by, project=rule.project, target=rule.name, details={"what": what}, request=request
    )  # fmt: skip


def watch_objective(
    project: Project,
    *,
    name: str,
    target: float,
    filters: Sequence[Any] = (),
    days: int = 30,
    minimum_events: int = 10,
    by: object = None,
    request: HttpRequest | None = None,
) -> Objective:
    """An objective with the three rules that say how fast its budget burns (alerts.evaluate.burn.PAIRS). Raises
    ValidationError."""
    objective = Objective(
        project=project, name=name.strip(), target=target, days=days, minimum_events=minimum_events,
        filters=[[label, list(values)] for label, values in filters],
        created_by=by if isinstance(by, User) else None,
    )  # fmt: skip
    objective.full_clean(exclude=("project", "created_by"))
    with transaction.atomic():
        objective.save()
        for wanted in _burning(objective):
            create(project, wanted, by=by, objective=objective, request=request)
    return objective


def _burning(objective: Objective) -> list[Wanted]:
    base = Wanted(objective.name, RuleKind.BURN_RATE, filters=objective.filters)
    return [
        replace(
            base,
            name=f"{objective.name[:80]}, {pair.factor:g}×",
            severity=pair.severity,
            condition={
                "objective": objective.target, "factor": pair.factor, "long": pair.long, "short": pair.short,
                "minimum_events": objective.minimum_events,
            },
        )
        for pair in PAIRS
    ]  # fmt: skip
