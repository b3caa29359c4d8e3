"""The chart of an incident: what its rule saw at each step, what that was held against, and when it was wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from alerts.evaluate.burn import span
from alerts.evaluate.judge import Judgement, judge
from alerts.evaluate.spec import Sample, Spec, every
from alerts.models import Incident
from alerts.watch import words
from alerts.watch.reading import see_past
from alerts.watch.rounds import watermark
from alerts.watch.watched import Group, Watched
from endpoint_stats.metrics import METRICS
from endpoint_stats.query.render import cell
from endpoint_stats.query.spec import QueryError

from .groups import Labels, named, narrowed

MOST_STEPS = 720
ASIDE = 30, 180  # steps before and after it: half its length, but so many at least and at most
GROUPS = 3  # lines of one chart
MINUTE = timedelta(minutes=1)
NO_CHART = ("new_endpoint",)
CHARTED = ("s", "1/s", "1", "ratio", "By")
NOT_KEPT = "The numbers of then are no longer kept as finely as the rule looks at them."


@dataclass(slots=True)
class Lines:
    """Of each step: what is shown by the name of its line; None where nothing is known."""

    times: list[int] = field(default_factory=list)
    values: dict[str, list[float | None]] = field(default_factory=dict)

    def add(self, at: datetime, shown: Mapping[str, float | None]) -> None:
        for name in shown:
            self.values.setdefault(name, [None] * len(self.times))
        self.times.append(int(at.timestamp()))
        for name, listed in self.values.items():
            listed.append(shown.get(name))


def chart(
    incident: Incident, watched: Watched | None, groups: Sequence[Labels], now: datetime
) -> tuple[dict[str, Any] | None, str]:
    """The chart, or why there is none; neither where the rule's kind has nothing to draw. ``groups``: those that are
    shown, the most important first; none where the rule watches all together."""
    if watched is None or watched.spec.kind in NO_CHART:
        return None, ""
    shown = groups[: GROUPS if watched.spec.kind in ("threshold", "no_data") else 1]
    if watched.group_by and not shown:
        return None, ""
    asked = replace(watched, filters=narrowed(watched, *shown))
    names = {tuple(labels.get(name, "") for name in watched.identity): named(labels) for labels in shown}
    first, last, cut = steps(incident, watched.spec, now)
    lines, pace = Lines(), timedelta(minutes=every(watched.spec))
    try:
        for at, seen in see_past(incident.project_id, asked, first, last, now, lambda: names):
            if seen.problem:
                return None, seen.problem
            lines.add(at - pace, _shown(watched.spec, seen.samples, names, at))
    except QueryError as error:
        return None, NOT_KEPT if error.code == "not_kept" else str(error)
    if not lines.times or not any(value is not None for listed in lines.values.values() for value in listed):
        return None, "Nothing was measured in this time." if lines.times else ""
    return _drawn(incident, watched.spec, lines, names, pace, cut), ""


def steps(incident: Incident, spec: Spec, now: datetime) -> tuple[datetime, datetime, str]:
    """The range of steps that is drawn, and what is left out of it: of an open one that is long its beginning."""
    pace = timedelta(minutes=every(spec))
    end = incident.ended or watermark(now)
    aside = min(max((end - incident.started) / 2, ASIDE[0] * pace), ASIDE[1] * pace)
    first, last = incident.started - aside, min(end + aside, watermark(now))
    most = MOST_STEPS * pace
    if last - first <= most:
        return first, last, ""
    if incident.ended is None:
        return last - most, last, f"the last {span(most / MINUTE)}"
    return first, first + most, f"the first {span(most / MINUTE)}"


def _shown(
    spec: Spec, samples: Mapping[Group, Mapping[str, Sample]], names: Mapping[Group, str], at: datetime
) -> dict[str, float | None]:
    """Of one step, by the name of the line."""
    found: dict[str, float | None] = {}
    for place, group in enumerate(names or {(): ""}):
        given = samples.get(group, {})
        judged = judge(spec, given, at)
        found |= _of_group(spec, given, judged, f"group-{place + 1}")
    return found


def _of_group(spec: Spec, given: Mapping[str, Sample], judged: Judgement, name: str) -> dict[str, float | None]:
    now = given.get("now")
    if spec.kind == "burn_rate":
        return {"short": judged.detail.get("short"), "long": judged.detail.get("long"), "limit": spec.factor}
    if spec.kind == "no_data":
        return {name: float(now.requests) if now else None}
    value = now.values.get(spec.metric) if now else None
    if spec.kind == "threshold":
        return {name: value, "limit": spec.threshold}
    if spec.kind == "change":
        before = given["before"].values.get(spec.metric) if "before" in given else None
        sign = 1 if spec.above else -1
        limit = None if before is None else before * (1 + sign * (spec.threshold or 0.0))
        return {name: value, "before": before, "limit": limit}
    return {name: value, "before": judged.detail.get("median"), "limit": judged.limit}


def _drawn(
    incident: Incident, spec: Spec, lines: Lines, names: Mapping[Group, str], pace: timedelta, cut: str
) -> dict[str, Any]:
    step = int(pace.total_seconds())
    # A step's value is that of the time up to it: so it stands there, and so does what was wrong by it.
    wrong = [int(incident.started.timestamp()) - step, _end(incident, lines, step)]
    series = [
        {"name": name, "label": _label(spec, name, list(names.values())), "colour": name, "values": values}
        for name, values in lines.values.items()
    ]
    windows = f"over {span(spec.window)}"
    if spec.kind == "burn_rate":
        windows = f"over {span(spec.long)} and {span(spec.short)}"
    return {
        "id": "rule", "kind": "lines", "title": _title(spec), "note": ", ".join(filter(None, (windows, cut))),
        "unit": _unit(spec), "scale": "linear", "zone": incident.project.time_zone, "step": step, "time": lines.times,
        "gaps": [], "marks": [], "stretches": [[*wrong, "incident"]], "series": series,
        "summary": _summary(spec, lines, names),
    }  # fmt: skip


def _end(incident: Incident, lines: Lines, step: int) -> int:
    return int(incident.ended.timestamp()) - step if incident.ended else lines.times[-1] + step


def _title(spec: Spec) -> str:
    if spec.kind == "burn_rate":
        return "How many times too fast the error budget burns"
    if spec.kind == "no_data":
        return "Requests"
    return METRICS[spec.metric].title


def _unit(spec: Spec) -> str:
    if spec.kind in ("burn_rate", "no_data"):
        return "1"
    unit = METRICS[spec.metric].unit
    assert unit in CHARTED
    return unit


def _label(spec: Spec, name: str, groups: Sequence[str]) -> str:
    if name.startswith("group-"):
        place = int(name.removeprefix("group-")) - 1
        return (groups[place] if place < len(groups) else "") or "what the rule saw"
    if name == "limit":
        if spec.kind in ("threshold", "burn_rate"):
            return "threshold"
        return "too much from here" if spec.above else "too little from here"
    if name == "before":
        return "usual" if spec.kind == "anomaly" else f"{span(spec.compare)} before"
    return f"over {span(spec.long if name == 'long' else spec.short)}"


def _summary(spec: Spec, lines: Lines, names: Mapping[Group, str]) -> str:
    """The worst and the last value of each line, and what they are held against."""
    parts = []
    for name, values in lines.values.items():
        known = [value for value in values if value is not None]
        if not known:
            continue
        label = _label(spec, name, list(names.values()))
        if name == "limit" and len(set(known)) == 1:
            parts.append(f"{label} {_value(spec, known[0])}")
        else:
            worst = max(known) if spec.above and spec.kind != "no_data" else min(known)
            word = "highest" if spec.above and spec.kind != "no_data" else "lowest"
            parts.append(f"{label}: {word} {_value(spec, worst)}, last {_value(spec, known[-1])}")
    return f"{_title(spec)}. {'; '.join(parts)}."


def _value(spec: Spec, given: float) -> str:
    if spec.kind == "burn_rate":
        return words.value(spec, given)
    return cell("requests" if spec.kind == "no_data" else spec.metric, given)
