"""The settings of what a project takes in, from the page to what is counted."""

import json

import pytest
from django.test import Client
from django.utils import timezone

from accounts.keys import create_key
from accounts.models import AuditEvent
from accounts.services import create_project
from endpoint_stats.ingest.live.door import close_doors
from endpoint_stats.models import ProjectSettings
from endpoint_stats.pages.settings import GROUPS, IngestForm
from tests.query.conftest import store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])

PAGE = "/projects/shop/settings/ingest/"


@pytest.fixture
def shop(owner):
    return create_project("shop", owner=owner)


def form(**changed):
    """All fields as the page shows them, some of them changed."""
    shown = {name: IngestForm()[name].value() for name in IngestForm.Meta.fields}
    values = {name: "on" if value is True else value for name, value in shown.items() if value not in (False, None)}
    return values | changed


def bots(client, **times):
    asked = {"from": "-2h", "to": "now", "group_by": "traffic", "metrics": "requests"} | times
    rows = client.get("/api/v1/projects/shop/stats", asked).json()["rows"]
    return {row["traffic"]: row["requests"] for row in rows}


def test_every_setting_is_on_the_page(client, shop):
    own = {field.name for field in ProjectSettings._meta.fields} - {"project"}
    assert {name for _, names in GROUPS for name in names} == own
    page = client.get(PAGE).content.decode()
    assert "DatabaseDefault" not in page
    assert all(f'name="{name}"' in page for name in own)


def test_what_is_saved_is_kept_and_noted(client, shop):
    assert client.post(PAGE, form(endpoint_cap="7", day_days="")).status_code == 302
    held = ProjectSettings.objects.get(project=shop)
    assert (held.endpoint_cap, held.day_days, held.lexical_rules) == (7, None, True)
    assert AuditEvent.objects.get(action="project_changed").details == {"endpoint_cap": "7"}


@pytest.mark.parametrize(
    "wrong",
    [{"endpoint_cap": "0"}, {"trace_url": "nowhere"}, {"bot_agents": "ab"}, {"minute_days": "x"},
     {"bot_agents": "\n".join(f"agent {number}" for number in range(51))}, {"consumer_attribute": "\0"}],
)  # fmt: skip
def test_what_is_wrong_changes_nothing(client, shop, wrong):
    answer = client.post(PAGE, form(**wrong))
    assert answer.status_code == 422 and "Nothing was saved" in answer.content.decode()
    assert not ProjectSettings.objects.filter(project=shop).exists()


@pytest.mark.parametrize("way", ["hits", "logs", "import"])
def test_a_projects_own_bots(way, client, shop, tmp_path):
    agents = ["Our-Crawler/2 (+https://example.org)", "curl/8", "Googlebot/2.1"]
    now = timezone.now()
    hits = [
        {"service": "", "method": "GET", "path": "/a", "status": 200, "time": now.isoformat(), "user_agent": agent}
        for agent in agents
    ]
    assert client.post(PAGE, form(bot_agents="our-crawler/\n\nnever seen")).status_code == 302
    close_doors()  # processes that serve look again every few seconds
    sender = Client(headers={"Authorization": f"Bearer {create_key(shop, 'ingest', 'x')[1]}"})
    if way == "hits":
        sent = sender.post("/api/v1/ingest/hits", json.dumps(hits), content_type="application/json")
        assert sent.json()["stored"] == 3
    elif way == "logs":
        line = '203.0.113.9 - - [{:%d/%b/%Y:%H:%M:%S} +0000] "GET /a HTTP/1.1" 200 1 "-" "{}"\n'
        lines = "".join(line.format(now, agent) for agent in agents)
        assert sender.post("/api/v1/ingest/logs", lines, content_type="text/plain").json()["stored"] == 3
    else:
        store_hits(shop, tmp_path, [hit | {"time": "2025-11-30T12:00:00Z"} for hit in hits])
        assert bots(client, **{"from": "2025-11-30", "to": "2025-12-01"}) == {"bot": 2, "normal": 1}
        return
    assert bots(client) == {"bot": 2, "normal": 1}
