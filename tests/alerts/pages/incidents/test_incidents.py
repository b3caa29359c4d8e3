"""The list of incidents, and what stands of them on the other pages."""

import json
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.services import create_project
from alerts.models import Deployment, Incident, IncidentEvent
from alerts.services.summary import summary
from endpoint_stats.models import Endpoint
from endpoint_stats.pages import registry
from tests.alerts.pages.incidents.conftest import at, rule_of, run, standing_at, text

pytestmark = pytest.mark.django_db(databases=["default", "local"])


def make(project, number, started, ended=None, **more):
    given = {
        "dedup": f"{number}", "title": f"Trouble {number}", "severity": "ticket", "started": started,
        "raised": started, "ended": ended, "origin": "api",
    }  # fmt: skip
    return Incident.objects.create(project=project, **given | more)


def listed(client, minute=61, **state):
    with standing_at(minute):
        return client.get("/projects/shop/incidents/", state)


def titles(response):
    return re.findall(r"<bdi>(Trouble \d+)</bdi>", response.content.decode())


class TestList:
    def test_how_things_are(self, client, shop):
        assert "Nothing was wrong yet" in text(listed(client))
        first = make(shop, 1, at(10), at(20))
        assert "Nothing is wrong. The last incident ended 41 min ago." in text(listed(client))
        make(shop, 2, at(30))
        assert "1 incident is open, since 01:30." in text(listed(client)), "in the project's zone"
        make(shop, 3, at(5))
        assert "2 incidents are open, the oldest since 01:05." in text(listed(client))
        assert titles(listed(client)) == ["Trouble 3", "Trouble 2", "Trouble 1"]
        assert titles(listed(client, state="open")) == ["Trouble 3", "Trouble 2"]
        assert titles(listed(client, state="past")) == ["Trouble 1"]
        assert "10 min" in text(listed(client, state="past")) and str(first.pk) in listed(client).content.decode()

    def test_pages_of_fifty(self, client, shop):
        for number in range(120):
            make(shop, number, at(-number // 2), at(-number // 2 + 1))
        seen, address = [], "/projects/shop/incidents/?state=past"
        for _ in range(3):
            page = client.get(address)
            seen += titles(page)
            found = re.search(r'href="(\?[^"]*before=[^"]+)"', page.content.decode())
            address = "/projects/shop/incidents/" + found[1].replace("&amp;", "&") if found else ""
        newest = sorted(Incident.objects.all(), key=lambda one: (one.started, one.pk), reverse=True)
        assert seen == [one.title for one in newest] and not address

    @pytest.mark.parametrize("state", [{"before": "nonsense"}, {"before": "0" * 32}, {"state": "cats"}])
    def test_what_is_no_page_is_missing(self, client, shop, state):
        assert listed(client, **state).status_code == 404

    def test_one_of_another_project_is_no_place_to_go_on(self, client, shop):
        other = create_project("other", owner=User.objects.create_user("eve@example.org", "another password"))
        assert listed(client, before=make(other, 1, at(1)).pk).status_code == 404


class TestEveryPage:
    def test_what_pages_is_seen_everywhere(self, client, shop):
        make(shop, 1, at(30))
        with standing_at(61):
            assert "banner" not in client.get("/projects/shop/").content.decode()
            incident = make(shop, 2, at(40), severity="page")
            for address in ("/projects/shop/", "/projects/shop/ledger/", "/projects/shop/settings/"):
                shown = client.get(address)
                assert "Trouble 2 , since 01:40" in text(shown), address
                assert f'href="/projects/shop/incidents/{incident.pk}/"' in shown.content.decode()
                assert "Incidents 2 open" in text(shown)
            make(shop, 3, at(50), severity="page")
            assert "Trouble 2, and 1 more , since 01:40" in text(client.get("/projects/shop/"))
            Incident.objects.update(acknowledged=at(55))
            assert "01:40 (acknowledged)" in text(client.get("/projects/shop/"))
            Incident.objects.update(ended=at(60))
            shown = client.get("/projects/shop/")
            assert "banner" not in shown.content.decode() and "open" not in text(shown)

    def test_it_is_one_statement(self, shop):
        make(shop, 1, at(30), severity="page")
        with CaptureQueriesContext(connection) as captured:
            found = summary(shop)
        assert len(captured) == 1 and (found.open, found.paging.others) == (1, 0)

    def test_the_search_finds_it(self, client, shop):
        assert "/projects/shop/incidents/" in client.get("/projects/shop/search/?q=inci").content.decode()

    def test_a_page_without_an_address_is_left_out(self, client, shop, monkeypatch):
        monkeypatch.setattr(registry, "_pages", {"x": registry.Page("Nowhere", "no-such-route")})
        assert registry.pages(shop) == []
        assert "Nowhere" not in text(client.get("/projects/shop/"))


class TestMarks:
    @pytest.fixture
    def raised(self, shop):
        rule_of(shop)
        run(shop, range(5, 60))
        return Incident.objects.get()

    def marks(self, project, *filters, begin=0, end=60):
        found = registry.marks(project, at(begin), at(end), filters)
        return [((mark["time"] - int(at(0).timestamp())) // 60, mark["kind"], mark["label"]) for mark in found]

    def test_incidents_stand_at_their_start(self, shop, raised):
        assert self.marks(shop) == [(23, "alert", "Errors: 2 endpoints")]
        assert self.marks(shop, begin=24) == self.marks(shop, end=23) == []

    def test_filters_leave_out_what_they_exclude(self, shop, raised):
        there = [(23, "alert", "Errors: 2 endpoints")]
        joined = [(25, "alert", "Errors: 2 endpoints")]
        assert self.marks(shop, ("endpoint", ("GET /a",))) == there
        assert self.marks(shop, ("endpoint", (str(Endpoint.objects.get(route="/b").pk),))) == joined
        assert self.marks(shop, ("route", ("/c",))) == self.marks(shop, ("service", ("other",))) == []
        assert self.marks(shop, ("consumer", ("acme",))) == there, "of which nothing is said"
        raised.rule.filters = [["consumer", ["globex"]]]
        raised.rule.save()
        assert self.marks(shop, ("consumer", ("acme",))) == []

    def test_releases_by_service_and_version(self, shop):
        for minute, service, version in ((10, "shop", "1.1"), (20, "blog", "7"), (70, "shop", "1.2")):
            Deployment.objects.create(project=shop, service=service, version=version, at=at(minute), source="api")
        assert self.marks(shop) == [(10, "release", "shop 1.1"), (20, "release", "blog 7")]
        assert self.marks(shop, ("service", ("blog",))) == [(20, "release", "blog 7")]
        assert self.marks(shop, ("release", ("1.1",))) == [(10, "release", "shop 1.1")]

    def test_they_are_on_the_charts(self, client, shop, raised):
        shown = client.get("/projects/shop/", {"from": "2025-11-12T00:00Z", "to": "2025-11-12T01:00Z"})
        found = re.search(
            r'<script id="chart-requests-data" type="application/json">(.*?)</script>', shown.content.decode()
        )
        assert json.loads(found[1])["marks"] == [
            {"time": int(at(23).timestamp()), "label": "Errors: 2 endpoints", "kind": "alert"}
        ]

    def test_of_another_project_there_are_none(self, shop, raised):
        other = create_project("other", owner=User.objects.create_user("eve@example.org", "another password"))
        assert self.marks(other) == []


class TestOnAnEndpointsPage:
    def of(self, client, route):
        found = Endpoint.objects.get(route=route)
        state = {"from": "2025-11-12T00:00Z", "to": "2025-11-12T01:00Z"}
        return text(client.get(f"/projects/shop/endpoints/{found.pk}/", state))

    def test_its_incidents_and_rules(self, client, shop):
        assert "Alerts" not in self.of(client, "/a")
        rule_of(shop)
        rule_of(shop, name="Only b", filters=[["route", ["/b"]]])
        assert "It was part of no incident yet." in self.of(client, "/a")
        run(shop, range(5, 60))
        a, b = self.of(client, "/a"), self.of(client, "/b")
        assert "Errors: 2 endpoints" in a and "Errors : the share of server errors over 5 min above 50.0%" in a
        assert "Only b" not in a, "neither in the panel nor as a mark"
        assert "Only b: GET /b" in b and "Only b : the share" in b

    def test_a_rule_that_cannot_be_read_is_left_out(self, client, shop):
        rule_of(shop, name="Broken", condition={"nonsense": 1})
        assert "Broken" not in self.of(client, "/a")


def test_a_long_timeline_is_bounded(client, shop):
    incident = make(shop, 1, at(10))
    IncidentEvent.objects.bulk_create(
        IncidentEvent(
            project=shop, incident=incident, kind="comment", at=at(10) + n * timedelta(seconds=1), text=f"n{n}"
        )
        for n in range(450)
    )
    with standing_at(61):
        shown = text(client.get(f"/projects/shop/incidents/{incident.pk}/"))
    assert "and 250 earlier ones" in shown and "n449 " in shown and "n0 " not in shown
