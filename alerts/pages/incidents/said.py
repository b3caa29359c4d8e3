"""Incidents in words: how long, since when, by what rule."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts.evaluate.burn import span
from alerts.evaluate.rule import Spec
from alerts.models import Incident
from alerts.watch import words
from endpoint_stats.query.render import number, percent


def clock(moment: datetime, now: datetime, zone: str) -> str:
    """``14:02``, or with its day where that is not today's: in the project's zone."""
    there, today = moment.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    if there.date() == today.date():
        return f"{there:%H:%M}"
    return f"{there:%d %b %H:%M}" if there.year == today.year else f"{there:%d %b %Y %H:%M}"


def lasted(incident: Incident, now: datetime) -> str:
    """Rounded down: 4 min, 3 h, 2 days."""
    return span(((incident.ended or now) - incident.started).total_seconds() / 60)


def how_things_are(open_ones: Sequence[Incident], last: Incident | None, now: datetime, zone: str) -> str:
    """Of a project, in one sentence. ``open_ones``: the oldest first."""
    if len(open_ones) == 1:
        return f"1 incident is open, since {clock(open_ones[0].started, now, zone)}."
    if open_ones:
        oldest = clock(open_ones[0].started, now, zone)
        return f"{number(len(open_ones))} incidents are open, the oldest since {oldest}."
    if last is None or last.ended is None:
        return "Nothing is wrong, and nothing was since rules are watched."
    return f"Nothing is wrong. The last incident ended {ago(last.ended, now)}."


def ago(moment: datetime, now: datetime) -> str:
    return f"{span(max((now - moment).total_seconds() / 60, 0))} ago"


def condition(spec: Spec) -> str:
    """The rule's condition as half a sentence: what is looked at, and from where on it is too much."""
    what, window = words.SAID.get(spec.metric, spec.metric), span(spec.window)
    side = "above" if spec.above else "below"
    if spec.kind == "threshold":
        text = f"{what} over {window} {side} {words.value(spec, spec.threshold)}"
    elif spec.kind == "change":
        size = percent(spec.threshold or 0)
        text = f"{what} over {window} more than {size} {side} that of {span(spec.compare)} before"
    elif spec.kind == "burn_rate":
        text = (
            f"the error budget of {percent(spec.objective or 0)} burns more than {number(spec.factor)} times too fast,"
            f" over {span(spec.long)} and over {span(spec.short)}"
        )
    elif spec.kind == "no_data":
        text = f"no requests for {window}, where at least 20 would have come"
    elif spec.kind == "new_endpoint":
        text = "an endpoint is called for the first time"
    else:
        text = f"{what} over {window} far {side} what is usual at this time of the week"
    return text + (f", for {span(spec.for_minutes)}" if spec.for_minutes else "")
