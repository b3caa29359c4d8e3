"""``Spec``: a rule as the evaluator sees it, validated once and frozen. Each sentence of SpecError tells the person who
wrote the rule what to do."""

from dataclasses import dataclass
from math import isfinite

from endpoint_stats.metrics import METRICS

KINDS = ("threshold", "change", "burn_rate", "no_data", "new_endpoint", "anomaly")
OF_A_METRIC = ("threshold", "change", "anomaly")
NO_DATA = ("keep", "ok", "alert")
# Metrics that count bad events. Requests slower than a limit can join once a metric counts them.
BAD = ("errors",)
HOUR, DAY, WEEK, MONTH = 60, 1440, 10_080, 43_200
STEPS, STEPS_IN_A_WINDOW = (HOUR, 15, 5, 1), 5
RANGES = {
    "window": (1, MONTH),
    "for_minutes": (0, WEEK),
    "keep_firing_for": (0, WEEK),
    "minimum_events": (0, 1_000_000_000),
    "compare": (1, 4 * WEEK),
    "long": (1, MONTH),
    "short": (1, MONTH),
}


class SpecError(ValueError):
    """A rule that cannot be. ``field`` is the Spec's field to change, the text says how."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Spec:
    """A rule. Times are minutes; SpecError(field, text) says what cannot be and what to do.

    kind: threshold, change, burn_rate, no_data, new_endpoint or anomaly.
    metric: what threshold, change and anomaly look at. above: whether too much of it is bad, or too little.
    threshold: for change the size of the relative move, 0.5 for half as much again or (not above) half as much.
    clear: from where on all is well again; None: not beyond the threshold. In the unit of what is compared: for
        change a relative move, for burn_rate a burn rate, for anomaly a sensitivity.
    minimum_events: requests in each window; for burn_rate bad events in the long one.
    no_data: what an unmeasured window means: keep (nothing), ok (all is well) or alert (a breach).
    compare: change: how far back the other window lies.
    objective, factor, long, short: burn_rate: the share that must be good, how many times faster than allowed the
        budget may be burnt, and the two windows over which it must be. bad: the metric that counts bad events.
    sensitivity: anomaly: how many robust standard deviations from the usual.
    """

    kind: str
    metric: str = ""
    above: bool = True
    threshold: float | None = None
    clear: float | None = None
    window: int = 5
    for_minutes: int = 0
    keep_firing_for: int = 0
    minimum_events: int = 0
    no_data: str = "keep"
    compare: int = WEEK
    objective: float | None = None
    factor: float = 14.4
    long: int = 60
    short: int = 5
    bad: str = "errors"
    sensitivity: float = 4.0

    def __post_init__(self) -> None:
        _check(self)


def _check(spec: Spec) -> None:
    """Raises SpecError for the first thing found."""
    if spec.kind not in KINDS:
        raise SpecError("kind", f"There is no kind of rule {spec.kind!r}. There are: {', '.join(KINDS)}.")
    for field, (least, most) in RANGES.items():
        given = getattr(spec, field)
        if not isinstance(given, int) or isinstance(given, bool) or not least <= given <= most:
            raise SpecError(field, f"{field} takes a whole number from {least} to {most:,}, not {given!r}.")
    for field in ("threshold", "clear", "objective", "factor", "sensitivity"):
        given = getattr(spec, field)
        if given is not None and not (isinstance(given, int | float) and isfinite(given)):
            raise SpecError(field, f"{field} takes a number, not {given!r}.")
    if spec.no_data not in NO_DATA:
        raise SpecError("no_data", f"no_data takes one of: {', '.join(NO_DATA)}.")
    if spec.kind in OF_A_METRIC:
        _check_metric(spec)
    by_kind = {
        "threshold": _check_threshold,
        "change": _check_change,
        "burn_rate": _check_burn_rate,
        "no_data": _check_no_data,
        "new_endpoint": _check_new_endpoint,
        "anomaly": _check_anomaly,
    }
    by_kind[spec.kind](spec)


def _check_metric(spec: Spec) -> None:
    metric = METRICS.get(spec.metric)
    if metric is None or metric.listed:
        usable = ", ".join(name for name in METRICS if not METRICS[name].listed)
        raise SpecError("metric", f"A rule cannot look at {spec.metric!r}. There are: {usable}.")
    if metric.consumers:
        for field in ("window", "compare"):
            if getattr(spec, field) % HOUR:
                raise SpecError(field, "Consumers are kept by the hour. Choose whole hours, such as 60 minutes.")


def _required(spec: Spec, field: str) -> float:
    given = getattr(spec, field)
    if given is None:
        raise SpecError(field, f"A rule of kind {spec.kind} needs {field}: give a number.")
    return float(given)


def _check_threshold(spec: Spec) -> None:
    threshold, metric = _required(spec, "threshold"), METRICS[spec.metric]
    for field in ("threshold", "clear"):
        given = getattr(spec, field)
        if given is not None and (given < 0 or (metric.unit == "ratio" and given > 1)):
            allowed = "a share from 0 to 1: 5 % is 0.05" if metric.unit == "ratio" else "a number of 0 or more"
            raise SpecError(field, f"{field} of {spec.metric} is {allowed}.")
    if spec.above and metric.unit == "ratio" and threshold == 1:
        raise SpecError("threshold", "No share is above 1, so this rule would never fire. Choose a lower one.")
    if not spec.above and threshold == 0:
        raise SpecError("threshold", "Nothing is below 0, so this rule would never fire. Choose a higher one.")
    if spec.clear is not None and (spec.clear > threshold if spec.above else spec.clear < threshold):
        side = "not above" if spec.above else "not below"
        raise SpecError("clear", f"clear must lie on the good side of the threshold: {side} {threshold:g}.")
    if counts_down(spec) and spec.minimum_events:
        raise SpecError(
            "minimum_events", f"Too little of {spec.metric} is what this rule waits for. Leave minimum_events at 0."
        )


def _check_change(spec: Spec) -> None:
    threshold = _required(spec, "threshold")
    if threshold <= 0:
        raise SpecError("threshold", "The size of a change is more than 0: 0.5 is half as much again, or half less.")
    if not spec.above and threshold >= 1:
        raise SpecError("threshold", "Nothing can drop by more than all of it. Choose a size below 1: 0.5 is half.")
    if spec.clear is not None and not 0 <= spec.clear <= threshold:
        raise SpecError("clear", f"clear is the size of a change too: from 0 to the threshold, {threshold:g}.")
    if spec.compare < spec.window:
        raise SpecError("compare", f"compare must be at least the window ({spec.window}), or the two would overlap.")


def _check_burn_rate(spec: Spec) -> None:
    objective = _required(spec, "objective")
    if not 0 < objective < 1:
        raise SpecError("objective", "The objective lies between 0 and 1, without these: 99.5 % is 0.995.")
    if spec.factor <= 0 or spec.factor * (1 - objective) >= 1:
        raise SpecError(
            "factor",
            f"If every request fails, {1 / (1 - objective):.4g} times the allowed is burnt and no more."
            " Choose a factor above 0 and below that.",
        )
    if spec.short >= spec.long:
        raise SpecError("short", f"The short window must be shorter than the long one ({spec.long} minutes).")
    if spec.clear is not None and not 0 <= spec.clear <= spec.factor:
        raise SpecError("clear", f"clear is a burn rate: from 0 to the factor, {spec.factor:g}.")
    if spec.bad not in BAD:
        raise SpecError("bad", f"Bad events are counted by one of: {', '.join(BAD)}.")


def _check_no_data(spec: Spec) -> None:
    if spec.no_data != "keep":
        raise SpecError("no_data", "A rule of this kind is about missing requests itself. Leave no_data at keep.")


def _check_anomaly(spec: Spec) -> None:
    if spec.sensitivity <= 0:
        raise SpecError("sensitivity", "sensitivity is more than 0; 4 is a good beginning, more means fewer alerts.")
    if not spec.above and spec.sensitivity >= 20:
        raise SpecError("sensitivity", "The least that varies is 5 %, and 20 times that is all of it. Choose below 20.")
    if spec.clear is not None and not 0 <= spec.clear <= spec.sensitivity:
        raise SpecError("clear", f"clear is a sensitivity too: from 0 to {spec.sensitivity:g}.")
    if spec.window > DAY:
        raise SpecError("window", "The usual is known for windows of up to a day (1440 minutes). Choose a shorter one.")


def counts_down(spec: Spec) -> bool:
    """Whether the rule waits for fewer of something that is counted: then few requests are what it is about."""
    return not spec.above and METRICS[spec.metric].empty == 0


def _check_new_endpoint(spec: Spec) -> None:
    if spec.for_minutes > spec.window - step_of(spec.window):
        raise SpecError(
            "for_minutes",
            f"An endpoint is new for {spec.window} minutes only, so this rule would never fire."
            " Choose a shorter time or a longer window.",
        )


def step_of(window: int) -> int:
    """Minutes: the longest of 1, 5, 15 and 60 of which five fit into the window."""
    return next(step for step in STEPS if step * STEPS_IN_A_WINDOW <= window or step == 1)
