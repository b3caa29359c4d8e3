"""Alertmanager's webhook, as its alerts are raised and ended here.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config (version 4)
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.utils.dateparse import parse_datetime

from alerts.api import Raised
from alerts.data import Severity

PAGES = ("critical", "page", "emergency", "disaster", "high")
NAMES = ("summary", "description", "message")


def alerts_of(payload: Mapping[str, Any]) -> list[tuple[Raised, datetime | None]]:
    """Each alert, and when it ended; None while it fires. Raises ValueError, which says what is wrong."""
    listed = payload.get("alerts")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise ValueError("This is no webhook of Alertmanager: it has a list of alerts under “alerts”.")
    return [_alert(one) for one in listed]


def _alert(one: Mapping[str, Any]) -> tuple[Raised, datetime | None]:
    labels, notes = (_texts(one, name) for name in ("labels", "annotations"))
    status = one.get("status")
    if status not in ("firing", "resolved"):
        raise ValueError("An alert’s status is “firing” or “resolved”.")
    started, ended = (_time(one, name) for name in ("startsAt", "endsAt"))
    key = _clean(one.get("fingerprint") or "")[:100] or sha256(repr(sorted(labels.items())).encode()).hexdigest()
    said = next((notes[name] for name in NAMES if notes.get(name)), "")
    severity = Severity.PAGE if labels.get("severity", "").lower() in PAGES else Severity.TICKET
    link = _clean(one.get("generatorURL") or "")
    raised = Raised(
        key, (labels.get("alertname") or "An alert")[:200], severity, said[:500], labels, started,
        link if link.startswith(("http://", "https://")) and len(link) <= 500 else "",
    )  # fmt: skip
    return raised, (ended or started) if status == "resolved" else None


def _clean(text: object) -> str:
    """As databases take it: without null characters, and with a question mark for half a character."""
    return str(text).replace("\0", "").encode("utf-8", "replace").decode()


def _texts(one: Mapping[str, Any], name: str) -> dict[str, str]:
    given = one.get(name) or {}
    if not isinstance(given, dict):
        raise ValueError(f"An alert’s {name} are an object of texts.")
    return {_clean(label): _clean(value) for label, value in given.items()}


def _time(one: Mapping[str, Any], name: str) -> datetime | None:
    """Alertmanager says year 1 for what has no time."""
    text = one.get(name)
    if text in (None, ""):
        return None
    try:
        found = parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ValueError(f"An alert’s {name} is a time such as 2026-11-20T14:02:00Z.")
    return found if found.year > 1 else None
