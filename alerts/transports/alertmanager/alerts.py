"""Messages as alerts of Prometheus' Alertmanager.

Sources: https://prometheus.io/docs/alerting/latest/alerts_api/ and
https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml. An alert there is known by its labels alone:
the same when it is raised, repeated and resolved, so nothing that changes (a value, a link) is a label.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from ..base import Item, Message
from ..text import cut, facts, plain

# Without an end, Alertmanager takes an alert for resolved five minutes after it was last sent. We send it again with
# every reminder only, and say when it ends; this is for an end that never arrives.
HOLD = timedelta(days=7)
TEST_LASTS = timedelta(minutes=5)
VALUE = 1_000


def alerts(message: Message, now: datetime) -> list[dict[str, Any]]:
    """One for each group of the incident, or one for the whole."""
    items = message.alerts or (Item(message.labels, "", ""),)
    return [_alert(message, item, now) for item in items]


def label_name(name: str) -> str:
    """``name`` in the characters that Prometheus' label names have."""
    found = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    return f"_{found}" if not found or found[0].isdigit() else found


def labels_of(message: Message, item: Item) -> dict[str, str]:
    """The identity. Our own three first; a label of a group that has one of their names, or another's once both are
    written in Prometheus' characters, gets a number: no label takes another's place."""
    found = {
        "alertname": plain(message.rule_name) or plain(message.title) or "Endpoint Stats",
        "project": plain(message.project.slug),
        "severity": message.severity,
    }
    for name, value in sorted({**message.labels, **item.labels}.items()):
        wanted = unique = label_name(name)
        number = 2
        while unique in found:
            unique, number = f"{wanted}_{number}", number + 1
        found[unique] = cut(plain(value), VALUE)
    # An empty label is none.
    return {name: value for name, value in found.items() if value}


def _alert(message: Message, item: Item, now: datetime) -> dict[str, Any]:
    started = message.started or now
    over = message.kind == "resolved" or item.state == "resolved"
    if over:
        ends = min(message.ended or now, now)
    else:
        ends = now + (TEST_LASTS if message.kind == "test" else HOLD)
    shown = {label_name(name.lower()): cut(value, VALUE) for name, value in facts(message)}
    annotations = {
        **shown,
        "summary": cut(plain(message.title), VALUE),
        "description": cut(plain(message.sentence), VALUE),
        "value": cut(plain(item.value), VALUE),
        "silence_link": message.silence_link,
        "incident": plain(message.incident_id),
    }
    return {
        "labels": labels_of(message, item),
        "annotations": {name: value for name, value in annotations.items() if value},
        # An alert that ends before it starts is refused.
        "startsAt": _time(min(started, ends)),
        "endsAt": _time(ends),
        "generatorURL": message.link,
    }


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
