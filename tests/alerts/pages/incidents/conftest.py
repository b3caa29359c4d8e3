"""A project in which something fails for a while, and its rules as they were watched."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from unittest import mock

import pytest

from accounts.models import Membership, User
from accounts.services import create_project
from alerts.models import Rule
from alerts.watch.rounds import BEHIND, evaluate
from endpoint_stats.models import ProjectSettings
from tests.query.conftest import store_hits

START = datetime(2025, 11, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(minute):
    return START + minute * MINUTE


def hit(minute, route="/pay", status=200, **more):
    return {
        "time": START.timestamp() + minute * 60, "service": "shop", "method": "GET", "route": route, "path": route,
        "status": status, "duration": 0.1, "consumer": "acme", "version": "1.0", **more,
    }  # fmt: skip


def burst(minutes, route="/pay", failing=range(0), **more):
    """Four requests a minute."""
    return [
        hit(minute + part / 4, route, 500 if minute in failing else 200, **more)
        for minute in minutes
        for part in range(4)
    ]


# Fails from minute 20 to 30; its consumer is acme. Another one joins two minutes later, and goes on until 40.
HITS = burst(range(60), "/a", range(20, 30)) + burst(range(60), "/b", range(22, 40), consumer="globex")


@pytest.fixture
def shop(owner, tmp_path):
    project = create_project("shop", owner=owner, time_zone="Europe/Berlin")
    ProjectSettings.objects.create(project=project, trace_url="https://traces.example.org/{trace_id}")
    store_hits(project, tmp_path, HITS)
    return project


@pytest.fixture
def viewer(shop):
    user = User.objects.create_user("vera@example.org", "another password")
    Membership.objects.create(project=shop, user=user, role="viewer")
    return user


def rule_of(project, **more):
    given = {
        "name": "Errors", "kind": "threshold", "metric": "error_rate", "severity": "page", "group_by": ["endpoint"],
        "condition": {"threshold": 0.5, "window": 5},
    }  # fmt: skip
    return Rule.objects.create(project=project, **given | more)


def run(project, minutes):
    for minute in minutes:
        evaluate(project.pk, at(minute) + BEHIND)


def text(response):
    bare = re.sub(r"<script.*?</script>|<[^>]+>", " ", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", unescape(bare).replace("\u2068", "").replace("\u2069", ""))


def standing_at(minute):
    """The clock of the pages."""
    return mock.patch("django.utils.timezone.now", return_value=at(minute))
