"""A rule as it is watched: what it asks, which of a project's numbers, and of whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from alerts.data import RuleKind
from alerts.evaluate.rule import Spec, SpecError
from alerts.evaluate.spec import NEW, every, needs
from alerts.models import Rule
from endpoint_stats.metrics import METRICS
from endpoint_stats.query.names import LABELS
from endpoint_stats.query.spec import FILTERS, GROUPS, Filters

# What tells a group from others: the id of an endpoint, since two services may have one of the same name.
IDENTITY = {name: LABELS[name] for name in GROUPS} | {"endpoint": ("endpoint_id",)}
Group = tuple[str, ...]
MOST_GROUPS = 2
OF_ENDPOINTS = ("service", "method", "route")  # by which an endpoint that is new can be told from others


@dataclass(frozen=True, slots=True)
class Watched:
    """A rule and whom it watches: each group of ``group_by`` among what ``filters`` leave, or all of it together."""

    id: UUID
    revision: int
    spec: Spec
    filters: Filters = ()
    group_by: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns of an answer that tell its groups apart."""
        return tuple(column for name in self.group_by for column in IDENTITY[name])

    @property
    def said(self) -> tuple[str, ...]:
        """The columns that people read, and messages carry as labels."""
        return tuple(column for name in self.group_by for column in LABELS[name])


def watched(rule: Rule) -> Watched:
    """Raises SpecError for a rule that cannot be, which only one that was stored by other means is."""
    return check(rule.id, rule.revision, rule.kind, rule.metric, rule.condition, rule.filters, rule.group_by)


def check(
    id: UUID,
    revision: int,
    kind: str,
    metric: str,
    condition: Mapping[str, Any],
    filters: Sequence[Any],
    group_by: Sequence[str],
) -> Watched:
    """Raises SpecError with the field, and what to do."""
    if kind == RuleKind.BAD_RELEASE:
        raise SpecError("kind", "A rule about releases is asked by each release, not by the clock.")
    try:
        spec = Spec(kind=kind, metric=metric, **dict(condition))
    except TypeError as error:
        raise SpecError("condition", f"The condition has something that no rule has: {error}.") from error
    grouped = tuple(group_by)
    if len(grouped) > MOST_GROUPS or not set(grouped) <= set(GROUPS) or len(set(grouped)) != len(grouped):
        raise SpecError("group_by", f"Watch up to {MOST_GROUPS} different ones of: {', '.join(GROUPS)}.")
    found = Watched(id, revision, spec, _filters(filters), grouped)
    _check_kept(found)
    return found


def _filters(given: Sequence[Any]) -> Filters:
    chosen: dict[str, tuple[str, ...]] = {}
    for pair in given:
        name, values = pair if isinstance(pair, list | tuple) and len(pair) == 2 else ("", ())
        listed = (values,) if isinstance(values, str) else tuple(values)
        if name not in FILTERS or not listed or not all(isinstance(value, str) for value in listed):
            raise SpecError("filters", f"A filter is a name and its values; names are: {', '.join(FILTERS)}.")
        chosen[name] = (*chosen.get(name, ()), *listed)
    return tuple(sorted(chosen.items()))


def _check_kept(found: Watched) -> None:
    """What no rollup keeps together is said when the rule is written, not at night."""
    names = {*found.group_by, *(name for name, _ in found.filters)}
    metrics = {name for need in needs(found.spec) for name in need.metrics}
    if NEW in metrics:
        if not names <= {"endpoint", *OF_ENDPOINTS}:
            raise SpecError("filters", f"New endpoints can be chosen by: {', '.join(OF_ENDPOINTS)}.")
        if found.group_by != ("endpoint",):
            raise SpecError("group_by", "New endpoints are told of one by one. Group by endpoint.")
        return
    if "consumer" in names:
        if names & {"release", "traffic"}:
            raise SpecError("filters", "Consumers are not kept by version or class of traffic. Leave one of them out.")
        if every(found.spec) < 60 or any(need.window % 60 or need.offset % 60 for need in needs(found.spec)):
            raise SpecError("window", "Consumers are kept by the hour. Choose a window of whole hours, of 5 at least.")
    if "status" in names and metrics & {"mean", "duration", "request_bytes", "response_bytes", "consumers"}:
        raise SpecError("metric", "Sums of time and bytes are not kept by status. Choose another metric or no status.")
    if any(METRICS[name].consumers for name in metrics) and names & {"release", "traffic", "consumer"}:
        raise SpecError("filters", "The number of consumers is counted by endpoint. Leave the other filters out.")
