"""How two sides differ, endpoint by endpoint, the largest change first.

Of errors a change counts where it is a point or more and more than twice its sampling error; of p95 where it is a fifth
or more and both sides have enough durations for a p95 to stand on. Ten points of errors weigh as much as a doubling.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any, Literal

from endpoint_stats.aggregate.sketch import BANDS
from endpoint_stats.query.notation import localized
from endpoint_stats.query.render import cell, isolated, number
from endpoint_stats.query.runner import Result

METRICS = ("requests", "errors", "error_rate", "p50", "p95", "timed")
FEW = 20  # requests on a side, below which nothing is said
FEW_TIMED = 100  # durations on a side: five lie above the p95
POINT, FIFTH = 0.01, math.log2(1.2)
SURE = 2.0  # sampling errors
ERRORS_WEIGH = 10.0  # a share of errors as doublings of latency

Kind = Literal["worse", "better", "same", "new", "gone", "few"]
ORDER: dict[Kind, int] = {"worse": 0, "better": 0, "new": 1, "gone": 1, "same": 2, "few": 3}
TITLES: dict[Kind, str] = {
    "worse": "worse",
    "better": "better",
    "same": "about the same",
    "new": "only in the second",
    "gone": "only in the first",
    "few": "too few requests to say",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one endpoint: its row on each side, None where it has none; ``weight`` in doublings."""

    name: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    kind: Kind
    what: str  # the larger change first
    weight: float
    leading: str = ""  # the metric of the larger change

    @property
    def requests(self) -> int:
        return sum(side["requests"] for side in (self.before, self.after) if side)


def differences(before: Result, after: Result) -> list[Difference]:
    """Of results by endpoint with METRICS; largest change first, then what is on one side only, by requests."""
    first = {row["endpoint_id"]: row for row in before.rows}
    second = {row["endpoint_id"]: row for row in after.rows}
    found = [
        _difference(first.get(identity) or second[identity], first.get(identity), second.get(identity))
        for identity in dict.fromkeys((*first, *second))
    ]
    return sorted(found, key=lambda one: (ORDER[one.kind], -one.weight, -one.requests, one.name["endpoint"]))


def _difference(name: dict[str, Any], before: dict[str, Any] | None, after: dict[str, Any] | None) -> Difference:
    if before is None or after is None:
        kind: Kind = "gone" if after is None else "new"
        return Difference(name, before, after, kind, TITLES[kind], 0.0)
    if min(before["requests"], after["requests"]) < FEW:
        return Difference(name, before, after, "few", TITLES["few"], 0.0)
    points, doublings = error_change(before, after), latency_change(before, after)
    weights = {"error_rate": abs(points) * ERRORS_WEIGH, "p95": abs(doublings)}
    if not any(weights.values()):
        return Difference(name, before, after, "same", TITLES["same"], 0.0)
    leading = max(weights, key=lambda one: weights[one])
    worse = points > 0 if leading == "error_rate" else doublings > 0
    said = [_points(points), _times(doublings)]
    what = ", ".join(filter(None, said if leading == "error_rate" else said[::-1]))
    return Difference(name, before, after, "worse" if worse else "better", what, weights[leading], leading)


def sampling_errors(one: Difference) -> float:
    """By how many sampling errors the sides differ in what leads, so that a chance can be put on it: of errors their
    shares, of p95 the shares of durations above the band that holds the first side's. Its rows have ``histogram``."""
    before, after = one.before, one.after
    if before is None or after is None or not one.leading:
        return 0.0
    if one.leading == "error_rate":
        return _deviations(before["errors"], before["requests"], after["errors"], after["requests"])
    above = bisect_left(BANDS, before["p95"]) + 1
    over = [sum(side["histogram"][above:]) for side in (before, after)]
    return _deviations(over[0], before["timed"], over[1], after["timed"])


def _deviations(first: int, of_first: int, second: int, of_second: int) -> float:
    """Two proportions, pooled; above 0 where the second is larger."""
    pooled = (first + second) / (of_first + of_second)
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / of_first + 1 / of_second))
    return (second / of_second - first / of_first) / deviation if deviation else 0.0


def error_change(before: dict[str, Any], after: dict[str, Any]) -> float:
    """Change of the share of errors; 0 where it says nothing."""
    first, second = before["requests"], after["requests"]
    change = float(after["errors"] / second - before["errors"] / first)
    sure = abs(_deviations(before["errors"], first, after["errors"], second)) > SURE
    return change if sure and abs(change) >= POINT else 0.0


def latency_change(before: dict[str, Any], after: dict[str, Any]) -> float:
    """Change of p95 in doublings; 0 where it says nothing."""
    if min(before["timed"], after["timed"]) < FEW_TIMED or not before["p95"] or not after["p95"]:
        return 0.0
    doublings = math.log2(after["p95"] / before["p95"])
    return doublings if abs(doublings) >= FIFTH else 0.0


def _points(change: float) -> str:
    return f"errors {'+' if change > 0 else '−'}{localized(f'{abs(change) * 100:.1f}')} points" if change else ""


def _times(doublings: float) -> str:
    if not doublings:
        return ""
    ratio = 2**doublings
    if ratio >= 2:
        return f"p95 ×{localized(f'{ratio:.1f}')}"
    return f"p95 {'+' if ratio > 1 else '−'}{abs(ratio - 1) * 100:.0f} %"


def sentence(found: list[Difference]) -> str:
    """What changed most, and how many of each kind."""
    if not found:
        return "Neither side has any requests."
    counts = {kind: sum(1 for one in found if one.kind == kind) for kind in TITLES}
    listed = ", ".join(f"{number(counts[kind])} {title}" for kind, title in TITLES.items() if counts[kind])
    first = found[0]
    if first.kind not in ("worse", "better") or not first.before or not first.after:
        return f"Endpoints: {listed}."
    before, after = (cell(first.leading, side[first.leading]) for side in (first.before, first.after))
    title = "errors" if first.leading == "error_rate" else "p95"
    return f"{isolated(first.name['endpoint'])} changed most: {title} {before} → {after}. Endpoints: {listed}."
