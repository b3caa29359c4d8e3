"""What has to be read for a rule, in which form, and how often. The rule itself, ``Spec``, stands in rule.py."""

from collections.abc import Mapping
from dataclasses import dataclass

from endpoint_stats.metrics import METRICS

from .rule import HOUR, OF_A_METRIC, WEEK, Spec, SpecError, step_of

__all__ = ["NEW", "USUAL", "Need", "Sample", "Spec", "SpecError", "empty", "every", "needs"]

NEW = "new"  # not in the registry of metrics: 1.0 where the endpoint was first seen within the window, else 0.0
USUAL = tuple(f"w{number}" for number in range(1, 13))  # an anomaly rule's baselines
BEFORE = 1440  # minutes before the window from which a no_data rule knows an endpoint's own rate
WEEKS = 4


@dataclass(frozen=True, slots=True)
class Need:
    """What has to be read: the metrics over ``[at - offset - window, at - offset)``, in minutes.

    name: the key under which ``judge()`` finds the answer.
    metrics: names of the registry, or NEW. The number of requests is wanted with them always.
    """

    name: str
    metrics: tuple[str, ...]
    window: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One group's numbers over one Need.

    values: by metric; None where there is no answer (a percentile of nothing).
    coverage: 0..1, the share of that window in which anything of the project was observed at all.

    A group without requests in a window that was looked at has a sample too: ``empty()`` makes it. No sample at all
    means that nothing is known.
    """

    values: Mapping[str, float | None]
    requests: int
    coverage: float


def needs(spec: Spec) -> tuple[Need, ...]:
    """What judge() wants to have for the rule, the same at every step."""
    if spec.kind == "burn_rate":
        return Need("long", (spec.bad,), spec.long), Need("short", (spec.bad,), spec.short)
    if spec.kind == "no_data":
        # The rate before is that of the window's own past: the window itself is not part of it.
        return Need("now", ("requests",), spec.window), Need("before", ("requests",), BEFORE, spec.window)
    if spec.kind == "new_endpoint":
        return (Need("now", (NEW,), spec.window),)
    now = Need("now", (spec.metric,), spec.window)
    if spec.kind == "change":
        return now, Need("before", (spec.metric,), spec.window, spec.compare)
    if spec.kind == "anomaly":
        offsets = zip(USUAL, usual(spec.window), strict=True)
        return now, *(Need(name, (spec.metric,), spec.window, offset) for name, offset in offsets)
    return (now,)


def usual(window: int) -> list[int]:
    """Minutes back of the same window in the weeks before, each with its neighbours: one later, one earlier."""
    return [WEEK * week + window * aside for week in range(1, WEEKS + 1) for aside in (-1, 0, 1)]


def every(spec: Spec) -> int:
    """Minutes between evaluations: 1, 5, 15 or 60. Steps are multiples of it since 1970-01-01 UTC.

    The longest of these of which five fit into the (shorter) window: a step moves a fifth of the window at most, and
    long windows are whole hours that rollups answer cheaply. Consumers are kept by the hour, so that is their step.
    """
    if spec.kind in OF_A_METRIC and METRICS[spec.metric].consumers:
        return HOUR
    return step_of(spec.short if spec.kind == "burn_rate" else spec.window)


def longest(spec: Spec) -> int:
    """Minutes of the longer of the windows that the rule looks at."""
    return spec.long if spec.kind == "burn_rate" else spec.window


def empty(need: Need, coverage: float) -> Sample:
    """What a group says of a window in which it had no requests."""
    values: dict[str, float | None] = {}
    for name in need.metrics:
        nothing = 0.0 if name == NEW else METRICS[name].empty
        values[name] = None if isinstance(nothing, list) else nothing
    return Sample(values, 0, coverage)
