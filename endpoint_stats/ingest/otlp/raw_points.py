"""Data points of histograms as a request tells them, whichever form it came in. Nothing is checked yet (points.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .attributes import Value

Pairs = list[tuple[str, Value]]
STABLE, OLD = "http.server.request.duration", "http.server.duration"
DELTA, CUMULATIVE = 1, 2
TEMPORALITIES = {"AGGREGATION_TEMPORALITY_DELTA": DELTA, "AGGREGATION_TEMPORALITY_CUMULATIVE": CUMULATIVE}
NO_RECORDED_VALUE = 1  # a bit of a point's flags


class RawExplicit(NamedTuple):
    """Bounds in the metric's unit, and the counts between them."""

    bounds: list[float]
    counts: list[int]


class RawExponential(NamedTuple):
    """Scale, count and upper bound of the zero bucket, offset and counts of the positive ones, and of the negative."""

    scale: int
    zero_count: int
    zero_threshold: float
    offset: int
    counts: list[int]
    negative: list[int]


@dataclass(frozen=True, slots=True)
class RawPoint:
    """start, time: nanoseconds since 1970, 0 where missing; sum, minimum, maximum: None where missing."""

    attributes: Pairs
    start: int
    time: int
    flags: int
    count: int
    sum: float | None
    minimum: float | None
    maximum: float | None
    buckets: RawExplicit | RawExponential


class RawMetric(NamedTuple):
    """A metric with the points of its histogram, or with the number of what other points it has."""

    name: str
    unit: str
    temporality: int
    points: list[RawPoint]
    other: int


@dataclass(slots=True)
class RawScope:
    """What one instrumentation scope of a resource sent."""

    resource: Pairs
    name: str
    version: str
    metrics: list[RawMetric] = field(default_factory=list)
