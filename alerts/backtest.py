"""A rule tried on the past, by the evaluator that the workers run: what it would have told, and when.

It knows what came late, which the workers did not: they never evaluate a step twice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.evaluate.machine import Alert as Memory
from alerts.evaluate.machine import Transition
from alerts.evaluate.spec import every
from alerts.evaluate.step import step
from alerts.watch import words
from alerts.watch.outcome import belongs
from alerts.watch.reading import see_past
from alerts.watch.rounds import move
from alerts.watch.watched import Group, Watched
from endpoint_stats.aggregate.buckets import minute_of, moment_of

DAYS = 30
A_DAY = timedelta(days=1)
MOST = 1000  # incidents that are listed; all are counted


@dataclass(slots=True)
class Episode:
    """What would have been an incident. end: None where it would still be open."""

    started: datetime
    raised: datetime
    sentence: str
    end: datetime | None = None
    peak: float | None = None
    groups: list[Mapping[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Backtest:
    """Of the steps in ``(start, end]``. raised: how many incidents; told: how many times a group would have been told
    of as beginning."""

    start: datetime
    end: datetime
    steps: int = 0
    raised: int = 0
    told: int = 0
    episodes: list[Episode] = field(default_factory=list)


def backtest(
    project_id: int,
    rule: Watched,
    start: datetime,
    end: datetime,
    now: datetime,
    progress: Callable[[float], None] | None = None,
) -> Backtest:
    """Raises QueryError where the numbers are no longer kept as finely as the rule looks."""
    found = Backtest(start, end)
    memory: dict[Group, Memory] = {}
    labels: dict[Group, Mapping[str, str]] = {}
    open_: Episode | None = None
    at = start
    while at < end:
        until = min(at + A_DAY, end)
        for moment, seen in see_past(project_id, rule, at, until, now, lambda: list(memory)):
            labels.update(seen.labels)
            changes = step(rule.spec, seen.samples, memory, moment)
            found.steps += 1
            for change in changes:
                before = memory.get(change.group)
                if change.transition in (Transition.RAISED, Transition.FLAPPING):
                    found.told += 1
                if belongs(change.alert) and change.alert is not None:
                    said = labels.get(change.group, {})
                    if open_ is None:
                        sentence = words.sentence(rule.spec, said, change.judgement)
                        open_ = Episode(change.alert.started or moment, moment, sentence)
                        found.raised += 1
                        if len(found.episodes) < MOST:
                            found.episodes.append(open_)
                    if not belongs(before) and said not in open_.groups:
                        open_.groups.append(said)
                    open_.peak = _worse(rule, open_.peak, change.alert.peak)
                move(memory, [change])
                if open_ is not None and not any(map(belongs, memory.values())):
                    open_.end = moment
                    open_ = None
        at = until
        if progress is not None:
            progress((at - start) / (end - start))
    return found


def _worse(rule: Watched, peak: float | None, other: float | None) -> float | None:
    if peak is None or other is None:
        return other if peak is None else peak
    worse = max if rule.spec.above and rule.spec.kind != "no_data" else min
    return worse(peak, other)


def whole_steps(rule: Watched, moment: datetime) -> datetime:
    """The step of the rule at or before ``moment``."""
    pace = every(rule.spec)
    return moment_of(minute_of(moment) // pace * pace)
