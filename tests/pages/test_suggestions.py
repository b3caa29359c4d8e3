"""What stands out: each suggestion where there is evidence for it, and none where there is not."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role, User
from accounts.services import create_project
from endpoint_stats import dismissals
from endpoint_stats.models import Dismissal, ProjectSettings
from endpoint_stats.pages.suggestions import MANY
from tests.pages.test_overview import hit, text
from tests.query.conftest import store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])

DAYS = {"from": "2025-11-10T00:00Z", "to": "2025-11-12T00:00Z"}


@pytest.fixture
def shop(owner):
    project = create_project("shop", owner=owner)
    ProjectSettings.objects.create(project=project)
    return project


def steady(route="/a", minutes=range(0, 2880, 5), **more):
    """Who says all there is to say, and has no trouble."""
    return [
        hit(minute, route, **({"consumer": f"c{minute % 4}", "version": "1.0", "duration": 0.1} | more))
        for minute in minutes
    ]


def said(client, **state):
    page = client.get("/projects/shop/suggestions/", DAYS | state, headers={"HX-Request": "true"})
    assert page.status_code == 200
    found = re.findall(r'<li><b><bdi>(.*?)</bdi></b>: <bdi>(.*?)</bdi>. <a href="([^"]+)">', page.content.decode())
    return [tuple(unescape(part) for part in one) for one in found]


def test_where_all_is_well_nothing(client, shop, tmp_path):
    store_hits(shop, tmp_path, steady())
    assert said(client) == []
    assert "Nothing stands out" in text(client.get("/projects/shop/suggestions/", DAYS))
    assert client.get("/projects/shop/", DAYS).content.decode().count("/projects/shop/suggestions/") == 2


def test_few_requests_say_nothing(client, shop, tmp_path):
    store_hits(shop, tmp_path, steady(minutes=range(MANY - 1), duration=None, consumer="", version=""))
    assert said(client) == []


def test_a_version_that_is_worse(client, shop, tmp_path):
    """One in four of the new version fails on one endpoint; the other endpoint is as before."""
    old = steady("/pay", range(0, 1440, 4)) + steady("/b", range(0, 1440, 4))
    new = steady("/b", range(1440, 2880, 4), version="1.1") + [
        one | ({"status": 503} if place % 4 == 0 else {})
        for place, one in enumerate(steady("/pay", range(1440, 2880, 4), version="1.1"))
    ]
    store_hits(shop, tmp_path, old + new)
    ((what, evidence, link),) = said(client)
    assert what == "shop 1.1 is worse than 1.0" and evidence == "GET /pay: errors +25.0 points"
    page = text(client.get(link))
    assert "GET /pay changed most: errors 0.0% → 25.0%" in page
    # Before it was there, nothing was known of it; after that it is no news.
    assert said(client, to="2025-11-11T00:00Z") == []


@pytest.mark.parametrize(("slow", "is_told"), [(16, False), (60, True)])
def test_a_slower_version_is_named_where_chance_does_not_explain_it(client, shop, tmp_path, slow, is_told):
    """Of 240 requests 11 took ten times as long, and p95 is just below them; then 16 or 60 of 240 do. Sixteen for
    eleven is no news, though p95 is ten times what it was: 0.98 sampling errors by the textbook."""
    minutes = range(0, 1440, 6)

    def some(first, slow, version):
        return [
            hit(first + minute, "/pay", consumer=f"c{minute % 4}", version=version, duration=1.0 if at < slow else 0.1)
            for at, minute in enumerate(minutes)
        ]

    store_hits(shop, tmp_path, some(0, 11, "1.0") + some(1440, slow, "1.1"))
    worse = [(what, evidence) for what, evidence, _ in said(client) if "worse" in what]
    assert worse == ([("shop 1.1 is worse than 1.0", "GET /pay: p95 ×10.0")] if is_told else [])
    page = text(client.get("/projects/shop/compare/", DAYS | {"by": "release", "a": "shop 1.0", "b": "shop 1.1"}))
    assert "p95 ×10" in page, "who asks is told of the difference"


def test_most_errors_are_one_consumers(client, shop, tmp_path):
    hits = steady() + [hit(minute, "/b", status=500, consumer="globex", version="1.0") for minute in range(0, 2880, 60)]
    store_hits(shop, tmp_path, hits)
    ((what, evidence, link),) = said(client)
    share = 48 / len(hits)
    assert what == "globex has 100.0% of the server errors" and evidence == f"and makes {share:.1%} of the requests"
    assert "48 of 48 requests" in text(client.get(link))


@pytest.mark.parametrize(("last", "is_quiet"), [(1500, True), (2700, False)])
def test_an_endpoint_that_went_quiet(client, shop, tmp_path, last, is_quiet):
    """Every twenty minutes, then never again: 70 would have come in the first case, 9 in the second."""
    store_hits(shop, tmp_path, steady() + steady("/rates", range(0, last, 20)))
    found = said(client)
    assert bool(found) == is_quiet
    if is_quiet:
        ((what, evidence, link),) = found
        assert what == "GET /rates has gone quiet" and "11 Nov 2025 00:40" in evidence and "about 72 a day" in evidence
        assert client.get(link).status_code == 200
    assert said(client, to="2025-11-11T00:00Z") == [], "a range that ends before the data says nothing of now"


def test_what_requests_do_not_say(client, shop, tmp_path):
    store_hits(shop, tmp_path, steady(duration=None, consumer="", version=""))
    found = said(client)
    assert [what for what, _, _ in found] == [
        "100.0% of the requests carry no duration",
        "100.0% of the requests name no consumer",
        "100.0% of the requests name no version",
    ]
    assert all(client.get(link).status_code == 200 for _, _, link in found)


def test_more_endpoints_than_there_may_be_and_what_is_not_there(client, owner, tmp_path):
    project = create_project("shop", owner=owner)
    ProjectSettings.objects.create(project=project, endpoint_cap=3)
    routes = [f"/r{letter}" for letter in "abcdefgh"]
    hits = [one for route in routes for one in steady(route, range(0, 2880, 30))]
    lost = [
        {name: value for name, value in one.items() if name != "route"} | {"status": 404, "path": f"/x{place}.php"}
        for place, one in enumerate(steady("/x", range(0, 2880, 20)))
    ]
    store_hits(project, tmp_path, hits + lost)
    found = {what for what, _, _ in said(client)}
    assert any("counted together as {other}" in what for what in found), found
    assert any("ask for what is not there" in what for what in found), found


def test_hostile_names(client, shop, tmp_path):
    bad = "<script>alert(1)</script>"
    store_hits(
        shop, tmp_path, steady() + [hit(at, "/b", status=500, consumer=bad, version="1.0") for at in range(0, 2880, 60)]
    )
    page = client.get("/projects/shop/suggestions/", DAYS)
    assert b"<script>alert" not in page.content and said(client)[0][0].startswith(bad)


class TestDismissed:
    """One of three is put aside: for who did it, for thirty days, and until it is brought back."""

    FIRST = "100.0% of the requests carry no duration"

    @pytest.fixture
    def lacking(self, shop, tmp_path):
        store_hits(shop, tmp_path, steady(duration=None, consumer="", version=""))

    def ask(self, client, name, key, htmx=True):
        headers = {"HX-Request": "true"} if htmx else {}
        address = f"/projects/shop/suggestions/{name}/?from=2025-11-10T00%3A00Z&to=2025-11-12T00%3A00Z"
        return client.post(address, {"key": key, "text": self.FIRST}, headers=headers)

    def key(self, client):
        page = client.get("/projects/shop/suggestions/", DAYS).content.decode()
        return re.findall(r'name="key" value="([0-9a-f]{64})"', page)[0]

    def test_it_is_left_out_and_can_be_undone_at_once(self, client, lacking):
        key = self.key(client)
        part = text(self.ask(client, "dismiss", key))
        assert f"Dismissed for you for 30 days: {self.FIRST} . Undo" in part and "name no consumer" in part
        assert self.FIRST not in [what for what, _, _ in said(client)] and len(said(client)) == 2
        back = text(self.ask(client, "bring-back", key))
        assert "Dismissed" not in back and f"{self.FIRST} :" in back
        assert len(said(client)) == 3

    def test_without_script_it_stands_below(self, client, lacking):
        answer = self.ask(client, "dismiss", self.key(client), htmx=False)
        assert answer.status_code == 302
        page = text(client.get(answer.url))
        assert page.index("name no version") < page.index("Dismissed") < page.index(self.FIRST)
        answer = self.ask(client, "bring-back", Dismissal.objects.get().key, htmx=False)
        assert "Dismissed" not in text(client.get(answer.url))

    def test_all_of_them(self, client, lacking):
        while found := said(client):
            self.ask(client, "dismiss", self.key(client))
            assert len(said(client)) == len(found) - 1
        assert "Nothing else stands out" in text(client.get("/projects/shop/suggestions/", DAYS))

    def test_for_nobody_else_and_not_for_ever(self, client, shop, lacking, rf):
        self.ask(client, "dismiss", self.key(client))
        other = User.objects.create_user("mate@example.org", "a long password of a test")
        shop.memberships.create(user=other, role=Role.VIEWER)
        mate = Client()
        mate.force_login(other)
        assert len(said(mate)) == 3 and len(said(client)) == 2
        until = Dismissal.objects.get().until
        assert timedelta(days=29, hours=23) < until - timezone.now() <= timedelta(days=30)
        assert dismissals.forget_ended(until - timedelta(seconds=1)) == 0
        Dismissal.objects.update(until=timezone.now())
        assert len(said(client)) == 3
        assert dismissals.forget_ended(timezone.now()) == 1

    def test_what_comes_anew_is_said_anew(self, client, shop, tmp_path):
        """An endpoint that went quiet, was called again, and went quiet again."""
        store_hits(shop, tmp_path, steady() + steady("/rates", range(0, 900, 10)))
        self.ask(client, "dismiss", self.key(client))
        assert said(client) == []
        store_hits(shop, tmp_path, steady("/rates", range(900, 1500, 10)))
        assert [what for what, _, _ in said(client)] == ["GET /rates has gone quiet"]

    @pytest.mark.parametrize("key", ["", "x" * 64, "a" * 63, "<script>"])
    def test_a_key_that_is_none(self, client, lacking, key):
        for name in ("dismiss", "bring-back"):
            answer = self.ask(client, name, key)
            assert answer.status_code == 400 and b"load the page again" in answer.content
        assert not Dismissal.objects.exists()

    def test_so_many_and_no_more(self, shop, owner):
        now = timezone.now()
        for place in range(dismissals.MOST + 3):
            dismissals.dismiss(shop, owner, f"{place:064x}", "x" * 600, now + timedelta(seconds=place))
        kept = dismissals.dismissed(shop.pk, owner.pk, now)
        assert len(kept) == dismissals.MOST and kept[-1].key == f"{3:064x}" and len(kept[0].text) == 500
        assert dismissals.export(owner)[0] == {
            "project": "shop", "text": "x" * 500, "until": (now + timedelta(days=30, seconds=3)).isoformat(),
        }  # fmt: skip
