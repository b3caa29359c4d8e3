"""Conditions on the labels of an incident, as silences, maintenance windows and inhibitions have them."""

from collections.abc import Mapping, Sequence
from typing import Any

from alerts.models import Incident
from endpoint_stats.query.names import LABELS

# is, is not, contains, does not contain. No regular expressions: a careless one would hold up a worker.
OPERATORS = ("=", "!=", "~", "!~")
OWN = ("rule", "kind", "severity", "origin")
NAMES = tuple(dict.fromkeys((*OWN, *(name for names in LABELS.values() for name in names))))
MOST, LONGEST = 20, 2000
Matcher = tuple[str, str, str]


class MatcherError(ValueError):
    """What cannot be matched by; the text says what to do."""


def matchers(given: Sequence[Any]) -> tuple[Matcher, ...]:
    """Validated. Labels of other systems may have any name. Raises MatcherError."""
    if len(given) > MOST:
        raise MatcherError(f"{MOST} conditions at most.")
    found = []
    for one in given:
        if not (isinstance(one, list | tuple) and len(one) == 3 and all(isinstance(part, str) for part in one)):
            raise MatcherError("A condition is a name, an operator and a value.")
        name, operator, value = one
        if "\0" in name or "\0" in value:
            raise MatcherError("A condition cannot have a null character.")
        if operator not in OPERATORS:
            raise MatcherError(f"There is no operator {operator[:20]!r}. There are: {', '.join(OPERATORS)}.")
        if not name.strip() or len(name) > 100 or len(value) > LONGEST:
            raise MatcherError(f"A condition has a name, and a value of up to {LONGEST:,} characters.")
        found.append((name.strip(), operator, value))
    return tuple(found)


def labels_of(incident: Incident) -> dict[str, str]:
    """What an incident can be matched by."""
    name, kind, objective = "", "", None
    if incident.rule is not None:
        name, kind, objective = incident.rule.name, incident.rule.kind, incident.rule.objective_id
    own = {"rule": name, "kind": kind, "severity": incident.severity, "origin": incident.origin}
    given = {str(label): str(value) for label, value in incident.labels.items()}
    return given | own | {"objective": str(objective or "")}


def matches(conditions: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether all hold; a label that is not there is empty. No conditions: everything."""
    return all(_holds(operator, labels.get(name, ""), value) for name, operator, value in conditions)


def _holds(operator: str, label: str, value: str) -> bool:
    if operator in ("=", "!="):
        return (label == value) == (operator == "=")
    return (value.lower() in label.lower()) == (operator == "~")
