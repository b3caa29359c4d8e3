"""Hits of a shop, a rule over them, and the workers' clock."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.services import create_project
from alerts.models import Rule
from alerts.watch.rounds import BEHIND, evaluate
from endpoint_stats.models import ProjectSettings

START = datetime(2025, 11, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def hit(minute, route="/pay", status=200, **more):
    return {
        "time": START.timestamp() + minute * 60, "service": "shop", "method": "GET", "route": route, "path": "/x",
        "status": status, "duration": 0.1, **more,
    }  # fmt: skip


@pytest.fixture
def shop(owner):
    project = create_project("shop", owner=owner)
    ProjectSettings.objects.create(project=project)
    return project


def rule_of(project, **more):
    given = {
        "name": "Errors", "kind": "threshold", "metric": "error_rate", "severity": "page",
        "condition": {"threshold": 0.5, "window": 5},
    }  # fmt: skip
    return Rule.objects.create(project=project, **given | more)


def run(project, minutes):
    """Each minute by itself, as the workers do."""
    for minute in minutes:
        evaluate(project.pk, START + minute * MINUTE + BEHIND)


def burst(minutes, route="/pay", of=range(0)):
    return [hit(minute + part / 4, route, 500 if minute in of else 200) for minute in minutes for part in range(4)]
