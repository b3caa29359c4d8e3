"""The live page without a browser: its numbers, how fresh they are, who may see them, and what that costs."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from math import ceil
from unittest import mock

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.keys import create_key
from accounts.models import Membership, User
from accounts.services import create_project
from endpoint_stats.models import ProjectSettings
from endpoint_stats.pages.live import shown as live_shown
from endpoint_stats.pages.live.passes import HEADER
from endpoint_stats.query import sql

# The present, at the half of a minute: hits of the last minutes are hits of now.
NOW = datetime.now(UTC).replace(second=30, microsecond=0)


MINUTE = NOW.replace(second=0)


BOT = "Googlebot/2.1 (+http://www.google.com/bot.html)"


@pytest.fixture(autouse=True)
def standing_still():
    with mock.patch("django.utils.timezone.now", return_value=NOW):
        yield


@pytest.fixture
def shop(owner):
    project = create_project("shop", owner=owner, time_zone="Asia/Kolkata")
    ProjectSettings.objects.create(project=project)
    return project


@pytest.fixture
def send(shop):
    _, secret = create_key(shop, "ingest", "tests")

    def make(hits):
        answer = Client().post(
            "/api/v1/ingest/hits", json.dumps(hits).encode(), content_type="application/json",
            headers={"Authorization": f"Bearer {secret}"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.content
        assert answer.json()["stored"] == len(hits)

    return make


def hit(ago, route="/a", **more):
    """``ago``: minutes before the one that has begun."""
    moment = MINUTE - timedelta(minutes=ago) + timedelta(seconds=7)
    return {
        "service": "web", "method": "GET", "path": route, "route": route, "status": 200, "duration": 0.1,
        "time": moment.isoformat(), **more,
    }  # fmt: skip


def some(count, ago, route="/a", **more):
    return [hit(ago, route, **more) for _ in range(count)]


def page_of(client, slug="shop", **state):
    return client.get(f"/projects/{slug}/live/", state)


def pass_of(client, slug="shop"):
    (found,) = re.findall(r'data-pass="([^"]+)"', page_of(client, slug).content.decode())
    return unescape(found)


def poll(client, given="", slug="shop", **state):
    return client.get(f"/projects/{slug}/live/now/", state, headers={HEADER: given} if given else {})


def now_of(client, **state):
    """What a poll says, computed anew."""
    live_shown.store.forget()
    answer = poll(client, **state)
    assert answer.status_code == 200, answer.content
    return answer.json()


def said(client, **state):
    return now_of(client, **state)["sentence"]


def total(body, name):
    (found,) = re.findall(
        rf'<div class="{name}(?: failing)?"><dt>[^<]+</dt><dd[^>]*>([^<]+?)\s*<', body["parts"]["totals"]
    )
    return found


def rows(body):
    """Route, requests and errors of each row."""
    found = re.findall(
        r'title="([^"]+)"><bdi>.*?<td class="requests">([\d,]+)</td>\s*<td class="errors[^>]*>([\d,]+)</td>'
        r'\s*<td class="p95([^"]*)"',
        body["parts"]["endpoints"],
        re.S,
    )
    return [(unescape(route), int(count), int(errors), "slower" in more) for route, count, errors, more in found]


def series(body, name):
    (chart,) = [one["chart"] for one in body["charts"] if one["chart"]["id"] == name]
    return chart, {one["name"]: one["values"] for one in chart["series"]}


def nearest_rank(values, share):
    return sorted(values)[ceil(share * len(values)) - 1]


def viewers(project, count):
    made = []
    for number in range(count):
        user = User.objects.create_user(f"viewer-{number}@example.org", "a long password")
        Membership.objects.create(project=project, user=user, role="viewer")
        browser = Client()
        browser.force_login(user)
        made.append(browser)
    return made


class Counting:
    """Statements of all databases, those over a cursor of their own too (PostgreSQL's numbers)."""

    def __enter__(self):
        self.captured = [CaptureQueriesContext(connections[name]) for name in ("default", "local")]
        for one in self.captured:
            one.__enter__()
        self.numbers = mock.patch.object(sql, "_cursor", side_effect=sql._cursor)
        self.calls = self.numbers.start()
        return self

    def __exit__(self, *error):
        self.numbers.stop()
        for one in self.captured:
            one.__exit__(*error)
        unseen = self.calls.call_count if connections["default"].vendor == "postgresql" else 0
        self.count = sum(map(len, self.captured)) + unseen
