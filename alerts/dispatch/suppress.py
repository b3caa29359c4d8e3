"""Why nobody is told of an incident now, though it is open: it is inhibited, in maintenance, or silenced, in this
order. Sending is suppressed and never evaluation: when the reason ends, what still is wrong is sent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

from alerts.data import RuleKind, Severity
from alerts.models import Incident, Inhibition, Maintenance, Silence

from .matchers import Matcher, labels_of, matchers, matches

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """Of an inhibition: while an incident that ``source`` matches is open, those that ``target`` matches are held,
    where both say the same of each label in ``equal``."""

    name: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]


# Of every project: what would page twice for one trouble.
BUILT_IN = (
    Rule(
        "nothing is called at all",
        (("kind", "=", RuleKind.NO_DATA.value),),
        (("kind", "!=", RuleKind.NO_DATA.value), ("origin", "=", "rule")),
        ("service",),
    ),
    Rule(
        "the same objective pages already",
        (("kind", "=", RuleKind.BURN_RATE.value), ("severity", "=", Severity.PAGE.value)),
        (("kind", "=", RuleKind.BURN_RATE.value), ("severity", "=", Severity.TICKET.value)),
        ("objective",),
    ),
)


@dataclass(frozen=True, slots=True)
class Quiet:
    """All of a project that may hold something back, as read once for many incidents."""

    silences: Sequence[Silence]
    windows: Sequence[Maintenance]
    inhibitions: Sequence[Rule]
    open: Sequence[tuple[Incident, Mapping[str, str]]]

    @classmethod
    def of(cls, project_id: int, now: datetime) -> "Quiet":
        silences = Silence.objects.filter(project_id=project_id, starts__lte=now, expires__gt=now).order_by("-expires")
        windows = Maintenance.objects.filter(project_id=project_id, enabled=True).order_by("name")
        own = [
            Rule(one.name, matchers(one.source), matchers(one.target), tuple(one.equal))
            for one in Inhibition.objects.filter(project_id=project_id, enabled=True).order_by("name")
        ]
        incidents = Incident.objects.filter(project_id=project_id, ended=None).select_related("rule")
        return cls(list(silences), list(windows), [*BUILT_IN, *own], [(one, labels_of(one)) for one in incidents])

    def why(self, incident: Incident, now: datetime) -> str:
        """Why it is not sent; empty where it is."""
        own = labels_of(incident)
        for rule in self.inhibitions:
            for source, theirs in self.open:
                if source.pk != incident.pk and _inhibits(rule, theirs, own):
                    return f"inhibited by “{source.title}”: {rule.name}"[:200]
        for window in self.windows:
            until = ends(window, now)
            if until is not None and matches(matchers(window.matchers), own):
                return f"in maintenance until {until:%Y-%m-%d %H:%M} UTC: {window.name}"[:200]
        for silence in self.silences:
            if matches(matchers(silence.matchers), own):
                return f"silenced until {silence.expires:%Y-%m-%d %H:%M} UTC: {silence.comment}"[:200]
        return ""


def _inhibits(rule: Rule, source: Mapping[str, str], target: Mapping[str, str]) -> bool:
    same = all(source.get(name, "") == target.get(name, "") for name in rule.equal)
    return same and matches(rule.source, source) and matches(rule.target, target)


def ends(window: Maintenance, now: datetime) -> datetime | None:
    """When a maintenance window that is open now closes, in UTC; None where it is not open."""
    zone = ZoneInfo(window.zone)
    # croniter looks back strictly: one that opens this very minute counts.
    opened = croniter(window.schedule, (now + MINUTE).astimezone(zone)).get_prev(datetime)
    for start in (opened, croniter(window.schedule, opened).get_prev(datetime)):
        closes = start.astimezone(ZoneInfo("UTC")) + window.minutes * MINUTE
        if start <= now < closes:
            return closes
    return None


def open_windows(windows: Iterable[Maintenance], now: datetime) -> list[tuple[Maintenance, datetime]]:
    return [(window, until) for window in windows if (until := ends(window, now)) is not None]
