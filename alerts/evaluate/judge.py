"""Numbers against a rule: is it broken now? Knows nothing of before, except what the rule compares with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import sqrt
from statistics import median
from types import MappingProxyType

from endpoint_stats.metrics import METRICS

from .burn import burn_rate
from .rule import counts_down
from .spec import BEFORE, NEW, USUAL, Sample, Spec

Samples = Mapping[str, Sample | None]

OBSERVED = 0.5  # a window of which less was observed says nothing
EXPECTED = 20  # requests that must have been to come before their absence means anything
BASELINES = 6  # of the twelve of an anomaly rule
TO_SIGMA = 1.4826  # the median absolute deviation of a normal distribution, times this, is its standard deviation
LEAST_SPREAD = 0.05  # of the median
# A smaller move is no change, however large it is as a share: by unit.
SMALLEST_MOVE = {"ratio": 0.01, "s": 0.01}
# Numbers this near to each other are equal: 0.03 - 0.02 is less than 0.01 in binary.
NEAR = 1e-9
_NO_DETAIL: Mapping[str, float] = MappingProxyType({})


class Outcome(StrEnum):
    BREACH = "breach"
    CLEAR = "clear"
    BETWEEN = "between"  # no longer beyond the threshold, not yet as far back as ``clear``
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one step found.

    value: what is shown (seconds, a share, a burn rate), None where there is none.
    limit: what it was held against.
    reason: a stable code. Of UNKNOWN: unmeasured (no number), coverage (too little of the window observed), few (too
        few events), baseline (nothing to compare with). Of CLEAR: few (too few bad events), small (too small a move).
    detail: the numbers that the judgement rests on, by name.
    """

    outcome: Outcome
    value: float | None = None
    limit: float | None = None
    reason: str = ""
    detail: Mapping[str, float] = _NO_DETAIL


def judge(spec: Spec, samples: Samples, at: datetime) -> Judgement:
    """samples: by the names of ``needs(spec)``, for the windows that end at (or an offset before) ``at``.

    A name that is missing counts as None. No kind asks for the time itself: the same numbers are judged the same.
    """
    return _KINDS[spec.kind](spec, samples)


def beyond(value: float, limit: float, above: bool) -> bool:
    """Strictly: what equals the limit is not beyond it."""
    return (value - limit if above else limit - value) > NEAR * abs(limit)


def _held(value: float, threshold: float, clear: float, above: bool) -> Outcome:
    if beyond(value, threshold, above):
        return Outcome.BREACH
    return Outcome.BETWEEN if beyond(value, clear, above) else Outcome.CLEAR


def _unknown(reason: str, value: float | None = None) -> Judgement:
    return Judgement(Outcome.UNKNOWN, value, reason=reason)


def _read(sample: Sample | None, metric: str, least: int) -> tuple[float, str]:
    """The number, and why it says nothing: empty where it does."""
    if sample is None:
        return 0.0, "unmeasured"
    if sample.coverage < OBSERVED:
        return 0.0, "coverage"
    value = sample.values.get(metric)
    if value is None or value != value:
        return 0.0, "unmeasured"
    return value, "few" if sample.requests < least else ""


def _threshold(spec: Spec, samples: Samples) -> Judgement:
    value, reason = _read(samples.get("now"), spec.metric, spec.minimum_events)
    if reason:
        return _unknown(reason, value if reason == "few" else None)
    assert spec.threshold is not None  # as the Spec was validated
    clear = spec.threshold if spec.clear is None else spec.clear
    return Judgement(_held(value, spec.threshold, clear, spec.above), value, spec.threshold)


def _new_endpoint(spec: Spec, samples: Samples) -> Judgement:
    value, reason = _read(samples.get("now"), NEW, spec.minimum_events)
    if reason:
        return _unknown(reason, value if reason == "few" else None)
    return Judgement(_held(value, 0.0, 0.0, True), value, 0.0)


def _change(spec: Spec, samples: Samples) -> Judgement:
    now, reason = _read(samples.get("now"), spec.metric, 0 if counts_down(spec) else spec.minimum_events)
    if reason:
        return _unknown(reason)
    before, reason = _read(samples.get("before"), spec.metric, spec.minimum_events)
    if reason or before == 0:
        return _unknown("few" if reason == "few" else "baseline")
    assert spec.threshold is not None
    sign = 1 if spec.above else -1
    value, limit = (now - before) / before, sign * spec.threshold
    clear = limit if spec.clear is None else sign * spec.clear
    detail = {"now": now, "before": before}
    if _is_small(spec.metric, now - before):
        return Judgement(Outcome.CLEAR, value, limit, "small", detail)
    return Judgement(_held(value, limit, clear, spec.above), value, limit, detail=detail)


def _is_small(metric: str, move: float) -> bool:
    return beyond(abs(move), SMALLEST_MOVE.get(METRICS[metric].unit, 0.0), above=False)


def _burn_rate(spec: Spec, samples: Samples) -> Judgement:
    """Both windows must burn too fast: so the slower of the two rates is the value."""
    assert spec.objective is not None
    rates: list[float] = []
    detail: dict[str, float] = {}
    for name in ("long", "short"):
        sample = samples.get(name)
        bad, reason = _read(sample, spec.bad, 0)
        if reason or sample is None:
            return _unknown(reason)
        rate = burn_rate(bad, sample.requests, spec.objective)
        if rate is None:
            return _unknown("unmeasured")
        rates.append(rate)
        detail |= {name: rate, f"{name}_bad": bad, f"{name}_requests": sample.requests}
        if bad < spec.minimum_events and name == "long":
            # Where next to nothing goes wrong no budget is burnt, whatever the share says.
            return Judgement(Outcome.CLEAR, rate, spec.factor, "few", detail)
    clear = spec.factor if spec.clear is None else spec.clear
    return Judgement(_held(min(rates), spec.factor, clear, True), min(rates), spec.factor, detail=detail)


def _no_data(spec: Spec, samples: Samples) -> Judgement:
    """A request is the only proof of life: what was to be expected runs dry during a long silence, and that silence
    is not the end of it. So too small an expectation is unknown here, and never clear."""
    now, before = samples.get("now"), samples.get("before")
    expected = before.requests * spec.window / BEFORE if before else 0.0
    if now and now.requests:
        return Judgement(Outcome.CLEAR, float(now.requests), expected)
    if not expected:
        return _unknown("baseline", 0.0)
    outcome = Outcome.BREACH if not beyond(expected, EXPECTED, above=False) else Outcome.UNKNOWN
    return Judgement(outcome, 0.0, expected, "" if outcome is Outcome.BREACH else "few")


def _anomaly(spec: Spec, samples: Samples) -> Judgement:
    value, reason = _read(samples.get("now"), spec.metric, 0 if counts_down(spec) else spec.minimum_events)
    if reason:
        return _unknown(reason)
    readings = [_read(samples.get(name), spec.metric, spec.minimum_events) for name in USUAL]
    usual = [number for number, why in readings if not why]
    if len(usual) < BASELINES:
        return _unknown("baseline", value)
    middle = median(usual)
    scale = max(TO_SIGMA * median([abs(number - middle) for number in usual]), least_spread(spec, middle))
    sign = 1 if spec.above else -1
    limit = middle + sign * spec.sensitivity * scale
    clear = limit if spec.clear is None else middle + sign * spec.clear * scale
    detail = {"median": middle, "scale": scale, "baselines": float(len(usual))}
    if _is_small(spec.metric, value - middle):
        return Judgement(Outcome.CLEAR, value, limit, "small", detail)
    return Judgement(_held(value, limit, clear, spec.above), value, limit, detail=detail)


def least_spread(spec: Spec, middle: float) -> float:
    """What numbers vary by anyway, even where the past happened to be steadier.

    5 %, and for what is counted the square root of the count (at least 1), as in a Poisson process.
    """
    share, metric = LEAST_SPREAD * abs(middle), METRICS[spec.metric]
    if metric.unit == "1" and metric.empty == 0:
        return max(share, sqrt(max(middle, 1.0)))
    if metric.unit == "1/s":
        seconds = 60 * spec.window
        return max(share, sqrt(max(middle * seconds, 1.0)) / seconds)
    return share


_KINDS: Mapping[str, Callable[[Spec, Samples], Judgement]] = {
    "threshold": _threshold,
    "change": _change,
    "burn_rate": _burn_rate,
    "no_data": _no_data,
    "new_endpoint": _new_endpoint,
    "anomaly": _anomaly,
}
