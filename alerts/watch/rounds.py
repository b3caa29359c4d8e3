"""A round: the steps of a project's rules that are due, in order. Whoever claims them keeps what came of them.

Numbers are read outside of any transaction that writes. What came of it is written in one that begins by moving the
project's watermark, by conditional update: of two workers with the same steps one writes, and the other nothing.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import Error as DatabaseAway
from django.db import transaction

from accounts.models import Project
from alerts.evaluate.machine import Alert as Memory
from alerts.evaluate.rule import SpecError
from alerts.evaluate.spec import every
from alerts.evaluate.step import Change, step
from alerts.models import Alert, Evaluation, Rule
from endpoint_stats.aggregate.buckets import minute_of

from . import outcome
from .reading import see
from .watched import Group, Watched, watched

BEHIND = timedelta(seconds=60)  # steps are evaluated when they are so long over: what is late has come
MAKE_UP = timedelta(hours=1)  # of missed steps those of the last hour are evaluated, in order
AT_ONCE = 10  # steps between two commits
SECONDS = 20.0  # after which a round leaves the rest to the next one
MINUTE = timedelta(minutes=1)

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Found:
    """What the steps of a round found, in order; and what is remembered of each rule's groups after them."""

    steps: list[tuple[datetime, Watched, list[Change[Group]], dict[Group, dict[str, str]]]] = field(
        default_factory=list
    )
    problems: dict[UUID, str] = field(default_factory=dict)


def watermark(now: datetime) -> datetime:
    """The last step that may be evaluated: a whole minute that has been over for BEHIND."""
    return (now - BEHIND).replace(second=0, microsecond=0)


def projects_due(now: datetime) -> list[int]:
    """Those with rules whose last step is not the last that there is."""
    last = watermark(now)
    watching = Project.objects.filter(rules__enabled=True, archived=None, delete_after=None).distinct()
    done = Evaluation.objects.filter(up_to__gte=last).values("project_id")
    return list(watching.exclude(pk__in=done).order_by("pk").values_list("pk", flat=True))


def evaluate(project_id: int, now: datetime) -> int:
    """Evaluate what is due of a project. Returns the number of steps that this call moved on; raises what reading the
    numbers raises, after it was noted."""
    begun = time.monotonic()
    last, done = watermark(now), 0
    while time.monotonic() - begun < SECONDS:
        held, _ = Evaluation.objects.get_or_create(
            project_id=project_id, defaults={"up_to": last - MINUTE, "finished": now}
        )
        first = max(held.up_to + MINUTE, last - MAKE_UP + MINUTE)
        steps = [first + minute * MINUTE for minute in range((last - first) // MINUTE + 1)][:AT_ONCE]
        if not steps:
            break
        try:
            moved = _round(project_id, held, steps, now)
        except DatabaseAway:
            raise
        except Exception as error:
            _note(held, now, str(error) or repr(error))
            raise
        if not moved:
            break
        done += len(steps)
    return done


def _note(held: Evaluation, now: datetime, error: str) -> None:
    since = held.failing_since or now
    Evaluation.objects.filter(pk=held.pk).update(error=error[:500], failing_since=since)


def _round(project_id: int, held: Evaluation, steps: Sequence[datetime], now: datetime) -> bool:
    """Whether these steps were this call's to write."""
    begun = time.monotonic()
    rules = listed(project_id)
    stored = _remembered(project_id, rules)
    found = look(project_id, rules, stored, steps, now)
    with transaction.atomic():
        claimed = Evaluation.objects.filter(pk=held.pk, up_to=held.up_to).update(
            up_to=steps[-1], finished=now, seconds=time.monotonic() - begun, error="", failing_since=None
        )
        if claimed != 1:
            return False
        outcome.keep(project_id, found.steps, found.problems, now)
    return True


def listed(project_id: int) -> list[Watched]:
    """The rules that are watched; one that cannot be is left out, and logged."""
    found = []
    for rule in Rule.objects.filter(project_id=project_id, enabled=True).order_by("id"):
        try:
            found.append(watched(rule))
        except SpecError as error:
            if rule.kind != "bad_release":
                logger.warning("Rule %s of project %s cannot be evaluated: %s", rule.id, project_id, error)
    return found


def _remembered(project_id: int, rules: Sequence[Watched]) -> dict[UUID, dict[Group, Memory]]:
    """By rule and group. What is of an older form of a rule is forgotten with it (services.rules)."""
    revisions = {rule.id: rule.revision for rule in rules}
    found: dict[UUID, dict[Group, Memory]] = {rule.id: {} for rule in rules}
    for row in Alert.objects.filter(project_id=project_id, rule__in=revisions):
        if row.revision == revisions[row.rule_id]:
            found[row.rule_id][tuple(row.group)] = Memory.from_json(row.memory)
    return found


def look(
    project_id: int,
    rules: Sequence[Watched],
    remembered: Mapping[UUID, dict[Group, Memory]],
    steps: Sequence[datetime],
    now: datetime,
) -> Found:
    """What each rule finds at each of its steps. ``remembered`` is moved on."""
    found = Found()
    for at in steps:
        due = [rule for rule in rules if minute_of(at) % every(rule.spec) == 0]
        if not due:
            continue
        seen = see(project_id, due, {rule.id: list(remembered[rule.id]) for rule in due}, at, now)
        for rule in due:
            one = seen[rule.id]
            if one.problem:
                found.problems[rule.id] = one.problem
            memory = remembered[rule.id]
            changes = step(rule.spec, one.samples, memory, at)
            move(memory, changes)
            if changes:
                found.steps.append((at, rule, changes, one.labels))
    return found


def move(memory: dict[Group, Memory], changes: Sequence[Change[Group]]) -> None:
    for change in changes:
        if change.alert is None:
            memory.pop(change.group, None)
        else:
            memory[change.group] = change.alert
