"""Messages as events of PagerDuty's Events API v2.

Sources: https://developer.pagerduty.com/docs/events-api-v2/trigger-events/ (alerts) and
https://developer.pagerduty.com/docs/events-api-v2/send-change-events/ (changes). An incident is one alert: its id is
the dedup_key of all its events. News are changes: they stand beside incidents and call nobody.
"""

from datetime import UTC, datetime
from typing import Any, Literal

from ..base import Message
from ..text import cut, facts, first, first_facts, item_line, plain

SUMMARY, KEY, VALUE, LINES = 1_024, 255, 500, 50
SEVERITIES = {"page": "critical", "ticket": "warning"}
Action = Literal["trigger", "acknowledge", "resolve"]
ACTIONS: dict[str, Action] = {"acknowledged": "acknowledge", "resolved": "resolve"}


def action_of(message: Message) -> Action:
    """What a message does to the alert: a reminder of one that is open triggers it again, which is noted in its log."""
    return ACTIONS.get(message.kind, "trigger")


def alert(message: Message, routing_key: str, action: Action, base_url: str) -> dict[str, Any]:
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": (message.incident_id or message.id)[:KEY],
    }
    if action != "trigger":
        return event
    payload: dict[str, Any] = {
        "summary": cut(f"{plain(message.project.name)}: {plain(message.title)}", SUMMARY),
        "source": cut(plain(message.project.slug) or "endpoint-stats", KEY),
        # A test should call nobody out of bed.
        "severity": "info" if message.kind == "test" else SEVERITIES[message.severity],
        "class": cut(plain(message.rule_name) or message.kind, KEY),
        "custom_details": _details(message),
    }
    if message.started is not None:
        payload["timestamp"] = _time(message.started)
    return {**event, "payload": payload, "client": "Endpoint Stats", "client_url": base_url, "links": _links(message)}


def change(message: Message, routing_key: str, now: datetime) -> dict[str, Any]:
    return {
        "routing_key": routing_key,
        "payload": {
            "summary": cut(f"{plain(message.project.name)}: {plain(message.title)}", SUMMARY),
            "source": cut(plain(message.project.slug) or "endpoint-stats", KEY),
            "timestamp": _time(message.started or now),
            "custom_details": _details(message),
        },
        "links": _links(message),
    }


def _details(message: Message) -> dict[str, Any]:
    details: dict[str, Any] = {cut(name, KEY): cut(value, VALUE) for name, value in first_facts(facts(message), LINES)}
    details["sentence"] = cut(plain(message.sentence), VALUE)
    lines = [*(item_line(item) for item in message.alerts), *(plain(line) for line in message.lines)]
    if lines:
        details["groups" if message.alerts else "lines"] = [cut(line, VALUE) for line in first(lines, LINES)]
    return details


def _links(message: Message) -> list[dict[str, str]]:
    links = [(message.link, "Open in Endpoint Stats"), (message.silence_link, "Silence")]
    return [{"href": url, "text": label} for url, label in links if url]


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
