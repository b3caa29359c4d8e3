"""What a rule found, in the words of who reads it at night."""

from collections.abc import Mapping, Sequence

from alerts.evaluate.burn import gone_in, span
from alerts.evaluate.judge import Judgement
from alerts.evaluate.rule import Spec
from endpoint_stats.query.notation import localized
from endpoint_stats.query.render import cell, isolated, number, percent

# Metrics as they stand in a sentence: "the share of server errors of GET /a".
SAID = {
    "requests": "the number of requests",
    "rate": "the rate of requests",
    "errors": "the number of server errors",
    "client_errors": "the number of client errors",
    "error_rate": "the share of server errors",
    "availability": "availability",
    "apdex": "Apdex",
    "mean": "the mean duration",
    "max": "the longest duration",
    "p50": "the median duration",
    "consumers": "the number of consumers",
    "request_bytes": "the traffic received",
    "response_bytes": "the traffic sent",
}
SUBJECTS = ("endpoint", "route", "consumer", "release", "service", "method", "status", "traffic")
PLURALS = {
    "endpoint": "endpoints",
    "route": "routes",
    "consumer": "consumers",
    "release": "versions",
    "service": "services",
    "method": "methods",
    "status": "statuses",
    "traffic": "classes of traffic",
}


def subject(labels: Mapping[str, str]) -> str:
    """Whom the labels speak of; empty for all together."""
    # An endpoint's own labels stand beside it; its name says them.
    within = ("service", "method", "route") if labels.get("endpoint") else ()
    parts = [labels[name] for name in SUBJECTS if labels.get(name) and name not in within]
    if labels.get("release_service"):
        parts.append(labels["release_service"])
    return ", ".join(isolated(part) for part in parts)


def together(group_by: Sequence[str], listed: Sequence[Mapping[str, str]]) -> str:
    """Of several groups: the one, or how many."""
    if len(listed) == 1:
        return subject(listed[0])
    return f"{number(len(listed))} {PLURALS.get(group_by[0], 'groups') if group_by else 'groups'}"


def title(name: str, group_by: Sequence[str], listed: Sequence[Mapping[str, str]]) -> str:
    whom = together(group_by, listed)
    return (f"{name}: {whom}" if whom else name)[:200]


def value(spec: Spec, given: float | None) -> str:
    """A rule's value with its unit."""
    if given is None:
        return "–"
    if spec.kind == "burn_rate":
        return localized(f"{given:.1f}×")
    if spec.kind == "change":
        return f"{'+' if given >= 0 else '−'}{percent(abs(given))}"
    if spec.kind in ("no_data", "new_endpoint"):
        return "no requests" if spec.kind == "no_data" else "new"
    return cell(spec.metric, given)


def sentence(spec: Spec, labels: Mapping[str, str], judgement: Judgement) -> str:
    """What is wrong, and what it was held against."""
    whom = subject(labels)
    of = f" of {whom}" if whom else ""
    what = SAID.get(spec.metric, spec.metric)
    window = span(spec.window)
    given, limit = value(spec, judgement.value), value(spec, judgement.limit)
    if spec.kind == "threshold":
        text = f"{what}{of} was {given} over {window}, {'above' if spec.above else 'below'} {limit}"
    elif spec.kind == "change":
        now, before = (cell(spec.metric, judgement.detail.get(name)) for name in ("now", "before"))
        text = f"{what}{of} was {now} over {window}, {given} against {before} {span(spec.compare)} before"
    elif spec.kind == "burn_rate":
        text = _burn(spec, of, judgement)
    elif spec.kind == "no_data":
        expected = number(round(judgement.limit or 0))
        text = f"{whom or 'nothing'} was not called for {window}; about {expected} requests were to come"
        text = text if whom else f"no requests for {window}; about {expected} were to come"
    elif spec.kind == "new_endpoint":
        text = f"{whom} was called for the first time"
    else:
        usual = cell(spec.metric, judgement.detail.get("median"))
        text = f"{what}{of} was {given} over {window}, where {usual} is usual at this time of the week"
    return f"{text[0].upper()}{text[1:]}."[:500]


def _burn(spec: Spec, of: str, judgement: Judgement) -> str:
    """In plain words: what fails, against what was promised, and how long the budget lasts at this rate."""
    assert spec.objective is not None
    bad, requests = judgement.detail.get("long_bad", 0), judgement.detail.get("long_requests", 0)
    share = percent(bad / requests) if requests else "–"
    minutes = gone_in(1.0, judgement.value or 0.0)
    lasts = f"; at this rate a whole budget is gone in {span(minutes)}" if minutes else ""
    allowed = percent(1 - spec.objective)
    return f"{share} of the requests{of} failed over {span(spec.long)}, where {allowed} may{lasts}"
