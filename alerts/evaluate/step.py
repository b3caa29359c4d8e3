"""One rule, all its groups, one step: what changed. Groups that are inactive and well cost next to nothing."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime

from .judge import LEAST_SPREAD, OBSERVED, Judgement, Samples, judge
from .machine import Alert, Transition, advance
from .rule import Spec
from .spec import NEW, USUAL

NEARLY = 0.999  # leaves to judge() what is as good as equal
_NOTHING: Samples = {}


@dataclass(frozen=True, slots=True)
class Change[Group: Hashable]:
    """A group of which something was or is to be remembered. alert: None where it no longer is."""

    group: Group
    alert: Alert | None
    transition: Transition | None
    judgement: Judgement


def step[Group: Hashable](
    spec: Spec, groups: Mapping[Group, Samples], alerts: Mapping[Group, Alert], at: datetime
) -> list[Change[Group]]:
    """The same as judge() and advance() for each group, without those that stay inactive.

    A group that has an alert and no samples is judged as unmeasured. One that has neither is not known here: where
    silence itself matters (no_data rules, ``no_data: alert``) the caller lists the groups of the time before.
    """
    found = []
    suspicious = suspicion(spec)
    for group, samples in groups.items():
        alert = alerts.get(group)
        if alert is None and not suspicious(samples):
            continue
        judgement = judge(spec, samples, at)
        after, told = advance(spec, alert, judgement, at)
        if alert is not None or after is not None:
            found.append(Change(group, after, told, judgement))
    for group, alert in alerts.items():
        if group not in groups:
            judgement = judge(spec, _NOTHING, at)
            found.append(Change(group, *advance(spec, alert, judgement, at), judgement))
    return found


def suspicion(spec: Spec) -> Callable[[Samples], bool]:
    """A quick look that may suspect too much and never too little: False means that judge() finds no breach."""
    if spec.no_data == "alert":
        return lambda samples: True
    if spec.kind == "no_data":
        return _is_silent
    if spec.kind == "burn_rate":
        return lambda samples: _number(samples, "long", spec.bad) > 0
    if spec.kind == "new_endpoint":
        return lambda samples: _number(samples, "now", NEW) > 0
    if spec.kind == "change":
        return _has_moved(spec)
    if spec.kind == "anomaly":
        return _is_unusual(spec)
    return _is_beyond(spec)


def _number(samples: Samples, name: str, metric: str) -> float:
    sample = samples.get(name)
    return (sample.values.get(metric) or 0.0) if sample else 0.0


def _is_silent(samples: Samples) -> bool:
    now = samples.get("now")
    return now is None or not now.requests


def _is_beyond(spec: Spec) -> Callable[[Samples], bool]:
    metric, above, threshold = spec.metric, spec.above, spec.threshold or 0.0

    def look(samples: Samples) -> bool:
        sample = samples.get("now")
        value = sample.values.get(metric) if sample else None
        return value is not None and (value > threshold if above else value < threshold)

    return look


def _has_moved(spec: Spec) -> Callable[[Samples], bool]:
    factor = 1 + NEARLY * (spec.threshold or 0.0) * (1 if spec.above else -1)

    def look(samples: Samples) -> bool:
        before = _number(samples, "before", spec.metric)
        now = _number(samples, "now", spec.metric)
        return now > before * factor if spec.above else now < before * factor

    return look


def _is_unusual(spec: Spec) -> Callable[[Samples], bool]:
    """The median varies by 5 % of itself at least: so if more than half of the twelve baselines lie too near to the
    number, or on its other side, the median does."""
    away = NEARLY * LEAST_SPREAD * spec.sensitivity
    metric, above, least = spec.metric, spec.above, spec.minimum_events
    factor = 1 / (1 + away if above else 1 - away)

    def look(samples: Samples) -> bool:
        now = samples.get("now")
        value = now.values.get(metric) if now else None
        if value is None:
            return False
        edge, left = value * factor, len(USUAL) // 2
        for name in USUAL:
            sample = samples.get(name)
            usual = sample.values.get(metric) if sample else None
            if usual is None or (usual < edge if above else usual > edge):
                continue
            if sample and sample.coverage >= OBSERVED and sample.requests >= least:
                left -= 1
                if left < 0:
                    return False
        return True

    return look
