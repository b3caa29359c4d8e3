"""What a release did to each endpoint: worse, better, the same, or too little data. docs/releases.md: the method."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from . import errors, latency
from .columns import MINUTES
from .discovery import q_values
from .estimate import Estimates
from .said import sentence, shown, what
from .stored import from_json, to_json
from .table import tables
from .tails import Floats
from .values import Block, Endpoint, Finding, Measure, Verdict, VerdictKind

__all__ = [
    "Block",
    "Endpoint",
    "Finding",
    "Measure",
    "Verdict",
    "VerdictKind",
    "from_json",
    "judge",
    "sentence",
    "to_json",
    "what",
]

MEASURES: tuple[Measure, ...] = ("p95", "errors")
NOT_YET = "the interval still holds a change that would matter: wait for more"
STILL = (1.0, 0.0)  # effect of no change: p95 is compared as a ratio, errors as a difference


def judge(endpoints: Sequence[Endpoint], *, alpha: float = 0.05) -> Verdict:
    """Among those called worse or better, a share of ``alpha`` at most is so by chance; intervals are at 1 − alpha.

    The same input gives the same verdict; nothing is random. Raises ValueError for what cannot be judged: it names the
    endpoint and the block.
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must lie between 0 and 0.5, such as 0.05: it is {alpha!r}.")
    _check(endpoints)
    found = (Estimates.blank(len(endpoints)), Estimates.blank(len(endpoints)))
    for table in tables(endpoints):
        for estimates, module in zip(found, (latency, errors), strict=True):
            estimates.put(table.rows, module.estimate(table, alpha))
    q = q_values(np.concatenate([one.p for one in found])).reshape(2, -1)
    findings = tuple(_finding(row, one, found, q, alpha) for row, one in enumerate(endpoints))
    counts = Counter(one.verdict for one in findings)
    return Verdict(findings, counts["worse"], counts["better"], counts["same"], counts["unknown"])


def _check(endpoints: Sequence[Endpoint]) -> None:
    seen: set[str] = set()
    for one in endpoints:
        if one.minutes not in MINUTES:
            raise ValueError(f"Endpoint {one.key!r}: blocks have 5, 15 or 60 minutes, not {one.minutes!r}.")
        if one.key in seen:
            raise ValueError(f"Endpoint {one.key!r} is given twice. Give each endpoint once.")
        seen.add(one.key)


def _finding(row: int, endpoint: Endpoint, found: Sequence[Estimates], q: Floats, alpha: float) -> Finding:
    kinds = [_kind(found[place], row, float(q[place, row]), alpha, STILL[place]) for place in range(2)]
    present = [place for place in range(2) if not found[place].absent[row]] or [1]
    verdict = next(kind for kind in _by_weight(kinds, present))
    # Of several measures with the verdict, the one that is furthest on its way to mattering.
    place = max((one for one in present if kinds[one] == verdict), key=lambda one: _moved(found[one], row, STILL[one]))
    numbers = found[place]
    return Finding(
        key=endpoint.key,
        verdict=verdict,
        measure=MEASURES[place] if not np.isnan(numbers.effect[row]) else "",
        before=_number(numbers.before[row]),
        after=_number(numbers.after[row]),
        effect=_number(numbers.effect[row]),
        low=_number(numbers.low[row]),
        high=_number(numbers.high[row]),
        p=_number(numbers.p[row]),
        q=_number(q[place, row]),
        n_before=int(numbers.n_before[row]),
        n_after=int(numbers.n_after[row]),
        reason=_reason(row, verdict, place, kinds, found),
    )


def _by_weight(kinds: Sequence[VerdictKind], present: Sequence[int]) -> list[VerdictKind]:
    """What is worse counts before what is better, and what is not known before what is the same."""
    order: tuple[VerdictKind, ...] = ("worse", "better", "unknown", "same")
    return [kind for kind in order if kind in {kinds[place] for place in present}]


def _kind(numbers: Estimates, row: int, q: float, alpha: float, still: float) -> VerdictKind:
    effect, worst, best = numbers.effect[row], numbers.worst[row], numbers.best[row]
    low, high = numbers.low[row], numbers.high[row]
    if np.isnan(effect):
        return "unknown"
    # Sure, large enough to matter, and not because of a few blocks, which widen the interval.
    if q <= alpha and effect >= worst and low > still:
        return "worse"
    if q <= alpha and effect <= best and high < still:
        return "better"
    return "same" if best < low and high < worst else "unknown"


def _moved(numbers: Estimates, row: int, still: float) -> float:
    """How far the effect is, 1 where a change begins to matter; −1 where there is none to tell."""
    effect, worst, best = (float(one[row]) for one in (numbers.effect, numbers.worst, numbers.best))
    if np.isnan(effect):
        return -1.0
    return (effect - still) / (worst - still) if effect >= still else (still - effect) / (still - best)


def _reason(
    row: int, verdict: VerdictKind, place: int, kinds: Sequence[VerdictKind], found: Sequence[Estimates]
) -> str:
    if verdict == "unknown":
        open_ones = [one for one in range(2) if kinds[one] == "unknown" and not found[one].absent[row]] or [place]
        why = {MEASURES[one]: found[one].reasons[row] or NOT_YET for one in open_ones}
        alike = len(set(why.values())) == 1
        return next(iter(why.values())) if alike else "; ".join(f"{name}: {one}" for name, one in why.items())
    other = 1 - place
    if found[other].absent[row]:
        return "errors only: no request has a duration"
    if verdict == "same" or kinds[other] == "same":
        return ""
    if kinds[other] == "unknown":
        return f"too little data to judge {MEASURES[other]}"
    changed = shown(MEASURES[other], float(found[other].before[row]), float(found[other].after[row]))
    return f"{kinds[other]} too: {changed}" if kinds[other] == verdict else f"but {kinds[other]}: {changed}"


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
