"""The page of one incident: what it says of when, who and how bad, held against the hits one by one."""

import json
import re
from collections import Counter
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from accounts.services import create_project
from alerts.models import Incident, IncidentEvent
from alerts.pages.incidents import said
from alerts.watch.watched import watched
from endpoint_stats.models import Endpoint, Sample
from endpoint_stats.store.retention import prune
from tests.alerts.pages.incidents.conftest import HITS, START, at, burst, hit, rule_of, run, standing_at, text
from tests.query.conftest import store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])

HX = {"HX-Request": "true"}


@pytest.fixture
def incident(shop):
    rule_of(shop)
    run(shop, range(5, 60))
    return Incident.objects.get()


def page(client, incident, part="", minute=61):
    with standing_at(minute):
        return client.get(f"/projects/shop/incidents/{incident.pk}/{part}")


def chart(response):
    found = re.search(r'<script id="chart-rule-data" type="application/json">(.*?)</script>', response.content.decode())
    return json.loads(found[1]) if found else None


def share(route, minute):
    """Of the five minutes before this one, by counting."""
    begin, end = (START.timestamp() + 60 * one for one in (minute - 5, minute))
    statuses = [one["status"] for one in HITS if one["route"] == route and begin <= one["time"] < end]
    return sum(status >= 500 for status in statuses) / len(statuses) if statuses else None


class TestOver:
    def test_its_sentence_and_facts(self, client, incident):
        shown = text(page(client, incident))
        assert "The share of server errors of GET /a was 60.0% over 5 min, above 50.0%." in shown
        assert "Over after 20 min." in shown and "Worst 100.0%" in shown
        assert "Errors : the share of server errors over 5 min above 50.0%" in shown
        assert "12 Nov 2025 01:23" in shown and "12 Nov 2025 01:43" in shown, "in the project's zone"

    def test_the_chart_is_what_the_rule_saw(self, client, incident):
        drawn = chart(page(client, incident))
        assert [one["label"] for one in drawn["series"]] == ["GET /a", "threshold", "GET /b"]
        by_label = {one["label"]: one["values"] for one in drawn["series"]}
        assert set(by_label["threshold"]) == {0.5}
        for place, begin in enumerate(drawn["time"]):
            minute = (begin - START.timestamp()) / 60 + 1
            for route in ("/a", "/b"):
                assert by_label[f"GET {route}"][place] == share(route, minute), (route, minute)
        # Raised by the step of minute 23 and over with that of 43, each of which speaks of the minute before it.
        begin, end = (int(at(minute).timestamp()) for minute in (22, 42))
        assert drawn["stretches"] == [[begin, end, "incident"]]
        assert drawn["time"][0] <= begin - 20 * 60 and drawn["zone"] == "Europe/Berlin"

    def test_who_is_affected_leads_to_their_pages(self, client, incident):
        shown = page(client, incident)
        for route in ("/a", "/b"):
            endpoint = Endpoint.objects.get(route=route)
            (link,) = re.findall(rf'href="(/projects/shop/endpoints/{endpoint.pk}/[^"]*)"', shown.content.decode())
            there = client.get(link.replace("&amp;", "&"))
            assert (there.status_code == 200 and "12 Nov 2025 01:00" in text(there)) or "00:5" in text(there)
        assert text(shown).count("well again") == 2

    def test_consumers_of_these_hours(self, client, incident):
        rows = dict(re.findall(r'title="(acme|globex)".*?<td>(\d+)</td>', page(client, incident).content.decode()))
        counted = Counter(one["consumer"] for one in HITS)
        assert {name: int(count) for name, count in rows.items()} == dict(counted)

    def test_samples_with_their_traces(self, client, shop, incident):
        for number, (route, status, minute) in enumerate((("/a", 500, 25), ("/b", 200, 25), ("/a", 500, 600))):
            Sample.objects.create(
                project=shop, id=number + 1, time=int(at(minute).timestamp()) // 60, second=1, failing=status >= 500,
                endpoint=Endpoint.objects.get(route=route).key, status=status, duration_us=1000, path=f"/x?n={number}",
                consumer="acme", version="1.0", trace_id=f"{number + 1:032x}",
            )  # fmt: skip
        shown = page(client, incident)
        assert "/x?n=0" in text(shown) and "/x?n=1" not in text(shown) and "/x?n=2" not in text(shown)
        assert f'href="https://traces.example.org/{1:032x}"' in shown.content.decode()

    def test_the_timeline_in_order(self, client, incident):
        IncidentEvent.objects.create(
            project=incident.project, incident=incident, kind="notified", at=at(24), text="Night: shift: raised"
        )
        lines = re.findall(r'<li class="(\w+)">(.*?)</li>', page(client, incident).content.decode(), re.S)
        assert [kind for kind, _ in lines] == ["resolved", "left", "joined", "notified", "raised"]
        assert "told: <bdi>Night: shift</bdi>" in lines[3][1]

    def test_nothing_is_asked_again(self, client, incident):
        shown = page(client, incident).content.decode()
        assert "hx-trigger" not in shown.partition('id="incident-state"')[2].partition("incident-rest")[0]
        assert "/acknowledge/" not in shown

    def test_numbers_that_are_gone_are_said_to_be(self, client, shop, incident, tmp_path):
        store_hits(shop, tmp_path, [hit(60 * 24 * 15)])
        shop.settings.minute_days = 1
        shop.settings.save()
        prune(shop.pk, at(60 * 24 * 20))
        shown = page(client, incident, minute=60 * 24 * 20)
        assert shown.status_code == 200 and chart(shown) is None
        assert "no longer kept as finely as the rule looks at them" in text(shown)


KINDS = [
    ({"kind": "burn_rate", "metric": "", "group_by": [],
      "condition": {"objective": 0.9, "factor": 1.2, "long": 60, "short": 5}},
     ["over 5 min", "over 60 min", "threshold"]),
    ({"kind": "change", "metric": "errors", "group_by": [],
      "condition": {"threshold": 0.1, "window": 5, "compare": 10}},
     ["what the rule saw", "10 min before", "too much from here"]),
    ({"kind": "threshold", "metric": "requests", "group_by": ["release"],
      "condition": {"threshold": 30, "window": 5}},
     ["1.0, shop", "threshold"]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "labels"), KINDS, ids=[rule["kind"] for rule, _ in KINDS])
def test_each_kind_has_a_chart(client, shop, rule, labels):
    made = rule_of(shop, **rule)
    run(shop, range(5, 62))
    incident = Incident.objects.first()
    assert incident, "nothing was raised"
    shown = page(client, incident, minute=65)
    assert shown.status_code == 200
    assert [one["label"] for one in chart(shown)["series"]] == labels
    assert said.condition(watched(made).spec) in text(shown)


def test_what_another_system_raised_has_no_chart(client, shop):
    incident = Incident.objects.create(
        project=shop, origin="api", dedup="disk", title="Disk", sentence="The disk is full.", severity="ticket",
        started=at(20), raised=at(20), link="javascript:alert(1)",
    )  # fmt: skip
    shown = page(client, incident)
    assert "The disk is full." in text(shown) and "another system, by the API" in text(shown)
    assert chart(shown) is None and "javascript:" not in shown.content.decode()


class TestDoing:
    @pytest.fixture
    def incident(self, shop):
        rule_of(shop)
        run(shop, range(5, 30))
        return Incident.objects.get(ended=None)

    def post(self, client, incident, what, **form):
        headers = form.pop("headers", {})
        return client.post(f"/projects/shop/incidents/{incident.pk}/{what}/", form, headers=headers)

    def test_it_asks_again_while_it_is_open(self, client, incident):
        shown = page(client, incident, minute=31)
        assert f'hx-get="/projects/shop/incidents/{incident.pk}/now/" hx-trigger="every 15s"' in shown.content.decode()
        part = page(client, incident, "now/", minute=31)
        assert "<html" not in part.content.decode() and "Nobody has acknowledged it." in text(part)
        given = re.search(r'<script type="application/json">(.*?)</script>', part.content.decode())[1]
        assert json.loads(given) == chart(shown)

    def test_acknowledged_once_and_taken_back_once(self, client, incident, owner):
        for _ in range(2):
            assert self.post(client, incident, "acknowledge").status_code == 302
        incident.refresh_from_db()
        assert incident.acknowledged_by == owner
        assert "ada@example.org acknowledged it" in text(page(client, incident, minute=31))
        for _ in range(2):
            part = self.post(client, incident, "take-back", headers=HX)
            assert "<html" not in part.content.decode() and "Nobody has acknowledged it." in text(part)
        events = list(incident.events.exclude(by=None).order_by("recorded").values_list("kind", "by"))
        assert events == [("acknowledged", owner.pk), ("taken back", owner.pk)]

    def test_what_is_over_is_not_acknowledged(self, client, incident):
        Incident.objects.update(ended=at(30))
        self.post(client, incident, "acknowledge")
        incident.refresh_from_db()
        assert incident.acknowledged is None and not incident.events.filter(kind="acknowledged").exists()

    def test_a_comment_sent_twice_is_said_once(self, client, incident, owner):
        once = str(uuid4())
        for _ in range(2):
            self.post(client, incident, "comment", text="It is <b>DNS</b>\nagain", once=once)
        (event,) = incident.events.filter(kind="comment")
        assert (event.text, event.by) == ("It is <b>DNS</b>\nagain", owner)
        shown = page(client, incident, minute=31).content.decode()
        assert "It is &lt;b&gt;DNS&lt;/b&gt;" in shown
        answer = self.post(client, incident, "comment", text="Another", once=str(uuid4()), headers=HX).content.decode()
        assert 'id="incident-comment" hx-swap-oob' in answer and once not in answer and "Another</bdi>" in answer

    @pytest.mark.parametrize("given", ["", "  \n", "x" * 2001])
    def test_what_is_no_comment_is_said(self, client, incident, given):
        part = self.post(client, incident, "comment", text=given, headers=HX)
        assert 'role="alert"' in part.content.decode() and not incident.events.filter(kind="comment").exists()
        self.post(client, incident, "comment", text=given)
        assert "comment" in text(page(client, incident, minute=31)).lower()

    def test_an_id_that_is_taken_changes_nothing(self, client, incident):
        taken = incident.events.first()
        self.post(client, incident, "comment", text="mine", once=str(taken.pk))
        taken.refresh_from_db()
        assert taken.kind == "raised" and taken.text != "mine"

    def test_viewers_see_and_change_nothing(self, incident, viewer):
        theirs = Client()
        theirs.force_login(viewer)
        shown = page(theirs, incident, minute=31)
        assert shown.status_code == 200 and "<textarea" not in shown.content.decode()
        for what in ("acknowledge", "take-back", "comment"):
            assert self.post(theirs, incident, what, text="x").status_code == 403
        assert not incident.events.exclude(by=None).exists()

    def test_one_of_another_project_is_as_none(self, client, incident):
        stranger = User.objects.create_user("eve@example.org", "another password")
        other = create_project("other", owner=stranger)
        theirs = Incident.objects.create(
            project=other, dedup="x", title="Secret", severity="page", started=at(1), raised=at(1)
        )
        for part in ("", "now/"):
            assert page(client, theirs, part).status_code == 404
        for what in ("acknowledge", "take-back", "comment"):
            assert self.post(client, theirs, what, text="x").status_code == 404


@pytest.mark.parametrize(
    "name",
    ["/" + "x" * 1900, "/مرحبا/عالم", "/<script>alert(1)</script>", '/"onmouseover="x', "/{{ 7 }}", "/\u202eevil"],
)
def test_names_of_every_kind(client, shop, tmp_path, name):
    store_hits(shop, tmp_path, burst(range(60), name, range(10, 60), consumer=name[:150]))
    rule_of(shop)
    run(shop, range(5, 16))
    incident = Incident.objects.get()
    for address in (f"/projects/shop/incidents/{incident.pk}/", "/projects/shop/incidents/", "/projects/shop/"):
        with standing_at(17):
            shown = client.get(address)
        assert shown.status_code == 200
        assert "<script>alert" not in shown.content.decode() and ' onmouseover="' not in shown.content.decode()
