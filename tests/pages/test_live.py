"""The live page without a browser: its numbers, how fresh they are, who may see them, and what that costs."""

import json
import random
import re
import time
from collections import Counter, defaultdict
from concurrent.futures import CancelledError
from datetime import UTC, datetime, timedelta
from html import unescape
from math import ceil
from unittest import mock

import pytest
from django.core import signing
from django.db import InterfaceError, OperationalError, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.keys import create_key
from accounts.models import Membership, User
from accounts.services import create_project, members, projects
from endpoint_stats.models import Journal, ProjectSettings, Sample
from endpoint_stats.pages.live import shown as live_shown
from endpoint_stats.pages.live.passes import HEADER
from endpoint_stats.query import sql
from endpoint_stats.store.compact import compact
from tests.pages.test_overview import text

pytestmark = pytest.mark.django_db(databases=["default", "local"])

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


class TestNumbers:
    @pytest.fixture
    def hits(self, send):
        """Of 40 minutes, some of them of bots; minute by minute another number of them."""
        chance = random.Random(4)
        made = [
            hit(
                ago,
                chance.choice(("/a", "/b/{id}", "/c")),
                status=chance.choice((200, 200, 200, 204, 302, 404, 500, 503)),
                duration=round(chance.uniform(0.01, 2), 4),
                user_agent=chance.choice(("curl/8", "curl/8", BOT)),
            )
            for ago in range(40)
            for _ in range(chance.randrange(1, 12))
        ]
        for start in range(0, len(made), 60):
            send(made[start : start + 60])
        return made

    @pytest.mark.parametrize("people", [False, True])
    @pytest.mark.parametrize("compacted", ["no", "all", "half"])
    def test_they_are_those_of_the_hits_that_were_sent(self, client, shop, send, hits, people, compacted):
        """Whether they wait in the journal, were compacted, or both."""
        if compacted != "no":
            compact(shop.pk)
        if compacted == "half":
            more = [one | {"path": "/later"} for one in hits[:50]]
            send(more)
            hits = hits + more
        assert Journal.objects.filter(project=shop).exists() == (compacted != "all")
        counted = [one for one in hits if not people or one["user_agent"] != BOT]
        body = now_of(client, **({"filter.traffic": "normal"} if people else {}))
        window = [one for one in counted if self.ago(one) <= 30]
        recent = [one for one in counted if self.ago(one) <= 5]
        assert total(body, "requests") == f"{len(recent):,}"
        errors = [one for one in recent if one["status"] >= 500]
        assert f"<small>{len(errors)}</small>" in body["parts"]["totals"]
        assert total(body, "client_errors") == str(sum(400 <= one["status"] < 500 for one in recent))
        by_endpoint = Counter(one["route"] for one in recent)
        failed = Counter(one["route"] for one in errors)
        assert [row[:3] for row in rows(body)] == [
            (route, by_endpoint[route], failed[route])
            for route in sorted(by_endpoint, key=lambda route: (-failed[route], -by_endpoint[route]))
        ]
        chart, values = series(body, "requests")
        assert chart["time"] == [int((MINUTE - timedelta(minutes=ago)).timestamp()) for ago in range(30, -1, -1)]
        assert (chart["step"], chart["zone"]) == (60, "Asia/Kolkata")
        for name in ("2xx", "3xx", "4xx", "5xx"):
            of_class = Counter(self.ago(one) for one in window if str(one["status"])[0] == name[0])
            assert [value or 0 for value in values[name]] == [of_class[ago] for ago in range(30, -1, -1)], name
        _, values = series(body, "latency")
        times = defaultdict(list)
        for one in window:
            times[self.ago(one)].append(one["duration"])
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            for ago, value in zip(range(30, -1, -1), values[name], strict=True):
                wanted = nearest_rank(times[ago], share) if times[ago] else None
                assert value == (pytest.approx(wanted, rel=0.0101) if wanted else None), (name, ago)

    @staticmethod
    def ago(one):
        return int((MINUTE + timedelta(minutes=1) - datetime.fromisoformat(one["time"])).total_seconds()) // 60

    def test_the_page_shows_what_a_poll_says(self, client, shop, hits):
        body = now_of(client)
        page = page_of(client)
        assert body["sentence"] in text(page)
        for part in body["parts"].values():
            assert part in page.content.decode()
        assert f"As of {body['as_of']}" in text(page)

    def test_the_time_is_the_projects(self, client, shop, hits):
        assert now_of(client)["as_of"] == (NOW + timedelta(hours=5, minutes=30)).strftime("%H:%M:%S")

    def test_most_trouble_first(self, client, shop, send):
        send(some(40, 2, "/busy") + some(12, 2, "/slow", duration=0.9) + some(3, 2, "/broken", status=503))
        send(some(40, 20, "/busy") + some(12, 20, "/slow", duration=0.3) + some(9, 20, "/broken"))
        send(some(20, 2, "/other") + some(1, 2, "/one", status=500))
        assert rows(now_of(client)) == [
            ("/broken", 3, 3, False), ("/one", 1, 1, False), ("/slow", 12, 0, True), ("/busy", 40, 0, False),
            ("/other", 20, 0, False),
        ]  # fmt: skip

    def test_more_endpoints_than_rows(self, client, shop, send):
        send([hit(1, f"/{at}/x-{'abcdefghijklmno'[at]}") for at in range(15)])
        body = now_of(client)
        assert len(rows(body)) == 10
        assert "and 5 more, on the overview" in body["parts"]["endpoints"]

    def test_the_newest_failing_requests(self, client, shop, send):
        send([hit(12, status=500, path="/first"), hit(3, status=503, path="/second"), hit(3, path="/well")])
        send([hit(31, status=500, path="/long-ago")])
        compact(shop.pk)
        assert Sample.objects.filter(project=shop, failing=True).count() == 3
        shown = now_of(client)["parts"]["failing"]
        assert shown.index("/second") < shown.index("/first")
        assert "/long-ago" not in shown and "/well" not in shown


class TestSentence:
    def test_what_fails_now_and_whether_it_did_before(self, client, shop, send):
        send(some(37, 2, "/pay", status=503) + some(4, 1, "/pay") + some(100, 1))
        assert said(client) == "GET /pay fails: 37 of 41 in the last 5 minutes, not called in the 25 before."
        send(some(209, 12, "/pay"))
        assert said(client) == "GET /pay fails: 37 of 41 in the last 5 minutes, none of 209 in the 25 before."
        send(some(1, 12, "/pay", status=500))
        assert said(client) == "GET /pay fails: 37 of 41 in the last 5 minutes, 1 of 210 in the 25 before."
        assert now_of(client)["failing"]

    def test_of_several_services_which_one(self, client, shop, send):
        send(some(6, 2, "/pay", status=503, service="checkout") + some(9, 2))
        assert said(client).startswith("checkout’s GET /pay fails: 6 of 6")

    def test_how_many_more(self, client, shop, send):
        send(some(9, 2, "/pay", status=503) + some(8, 2, "/b", status=500))
        assert "before, and 1 more endpoint fails." in said(client)
        send(some(7, 2, "/c", status=500))
        assert "before, and 2 more endpoints fail." in said(client)

    def test_a_small_share_of_very_many_is_not_what_fails(self, client, shop, send):
        send(some(700, 2, "/busy") + some(6, 2, "/busy", status=500) + some(3, 2, "/pay", status=503))
        assert said(client).startswith("GET /pay fails: 3 of 3")

    def test_quiet_and_not_quite(self, client, shop, send):
        send(some(12, 2))
        assert said(client) == "All quiet: 12 requests in the last 5 minutes, none failed."
        send(some(1, 2, status=500))
        assert said(client) == "13 requests in the last 5 minutes, 1 of them failed."
        assert not now_of(client)["failing"]

    def test_one(self, client, shop, send):
        send([hit(0)])
        assert said(client) == "All quiet: 1 request in the last 5 minutes, none failed."

    def test_slow(self, client, shop, send):
        send(some(20, 10, duration=0.2) + some(20, 3, duration=1.5))
        found = said(client)
        slow, before = re.fullmatch(
            r"GET /a is slow: p95 ([\d.]+) s in the last 5 minutes, (\d+) ms in the 25 before\.", found
        ).groups()
        assert float(slow) == pytest.approx(1.5, rel=0.02)
        assert int(before) == pytest.approx(200, rel=0.02)

    def test_a_few_slow_ones_say_nothing(self, client, shop, send):
        send(some(9, 10, duration=0.2) + some(9, 3, duration=1.5))
        assert said(client).startswith("All quiet")

    def test_nothing_more_came(self, client, shop, send):
        send([one for ago in range(7, 20) for one in some(2, ago)])
        since = (MINUTE - timedelta(minutes=7) + timedelta(hours=5, minutes=30)).strftime("%H:%M")
        assert said(client) == f"Nothing came in since {since}."

    def test_nothing_more_came_where_much_was_to_be_expected(self, client, shop, send):
        send([one for ago in range(3, 31) for one in some(15, ago)])
        since = (MINUTE - timedelta(minutes=3) + timedelta(hours=5, minutes=30)).strftime("%H:%M")
        assert said(client) == f"Nothing came in since {since}; before it was 15 a minute."

    def test_a_batch_on_its_way_is_no_silence(self, client, shop, send):
        send([one for ago in range(2, 31) for one in some(15, ago)])
        assert said(client).startswith("All quiet: 60 requests")

    def test_far_fewer_than_before(self, client, shop, send):
        send([one for ago in range(6, 31) for one in some(10, ago)] + some(20, 1))
        assert said(client) == "Fewer than before: 20 requests in 5 minutes, where it was 50."

    def test_its_substance_is_the_same_as_long_as_only_numbers_change(self, client, shop, send):
        send(some(9, 2, "/pay", status=503))
        first = now_of(client)
        send(some(9, 2, "/pay", status=503))
        second = now_of(client)
        assert first["sentence"] != second["sentence"]
        assert first["substance"] == second["substance"]
        send(some(40, 2, "/b", status=503))
        assert now_of(client)["substance"] != first["substance"]


class TestNothing:
    def test_nothing_ever(self, client, shop):
        page = page_of(client)
        assert "Nothing ever came in." in text(page)
        assert 'href="/projects/shop/">How to begin</a>' in page.content.decode()
        assert "<figure" not in page.content.decode()

    def test_nothing_of_late(self, client, shop, send):
        send([hit(31)])
        when = (MINUTE - timedelta(minutes=31) + timedelta(hours=5, minutes=30)).strftime("%d %b %Y at %H:%M")
        assert f"Nothing came in during the last 30 minutes. The last request was on {when}." in text(page_of(client))
        assert now_of(client)["empty"]
        send([hit(30)])
        assert not now_of(client)["empty"]

    def test_only_bots(self, client, shop, send):
        send(some(3, 2, user_agent=BOT))
        assert said(client).startswith("All quiet: 3 requests")
        hidden = {"filter.traffic": "normal"}
        assert said(client, **hidden) == "Only bots and health checks came in during the last 30 minutes."


class TestFresh:
    def test_what_was_acknowledged_is_in_the_next_poll(self, client, shop, send, monkeypatch):
        given = pass_of(client)
        clock = time.monotonic()
        monkeypatch.setattr(live_shown.store, "clock", lambda: clock)
        live_shown.store.forget()
        for number in range(1, 6):
            send([hit(0)])
            clock += 2.0
            assert total(poll(client, given).json(), "requests") == str(number)
        assert Journal.objects.filter(project=shop).count() == 5, "nothing was compacted for it"

    def test_within_two_seconds_it_is_the_same_for_all(self, client, shop, send, monkeypatch):
        monkeypatch.setattr(live_shown.store, "clock", lambda: 1000.0)
        send([hit(0)])
        before = poll(client).content
        send([hit(0)])
        assert poll(client).content == before


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


class TestLoad:
    def test_twenty_viewers_cost_what_one_does(self, shop, send, monkeypatch):
        monkeypatch.setattr(live_shown.store, "clock", lambda: 1000.0)
        send(some(20, 2))
        browsers = viewers(shop, 20)
        passes = [pass_of(browser) for browser in browsers]
        live_shown.store.forget()
        with Counting() as one:
            assert poll(browsers[0], passes[0]).status_code == 200
        live_shown.store.forget()
        with Counting() as all_of_them:
            bodies = {poll(browser, given).content for browser, given in zip(browsers, passes, strict=True)}
        assert 0 < one.count == all_of_them.count <= 10
        assert len(bodies) == 1

    def test_a_poll_within_two_seconds_asks_nothing_at_all(
        self, client, shop, send, monkeypatch, django_assert_num_queries
    ):
        monkeypatch.setattr(live_shown.store, "clock", lambda: 1000.0)
        send(some(3, 2))
        given = pass_of(client)
        with django_assert_num_queries(0), django_assert_num_queries(0, using="local"):
            for _ in range(20):
                assert poll(client, given).status_code == 200

    def test_two_projects_and_both_states_of_the_switch_are_apart(self, client, shop, send, owner):
        send(some(3, 2) + some(4, 2, user_agent=BOT))
        create_project("other", owner=owner)
        assert total(poll(client).json(), "requests") == "7"
        assert total(poll(client, **{"filter.traffic": "normal"}).json(), "requests") == "3"
        assert poll(client, slug="other").json()["substance"] == "never"
        assert total(poll(client).json(), "requests") == "7"

    @pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed"), CancelledError()])
    def test_the_database_away_is_said_and_not_kept(self, client, shop, send, error):
        send(some(3, 2))
        given = pass_of(client)
        live_shown.store.forget()
        with mock.patch.object(live_shown, "ask", side_effect=error):
            answer = poll(client, given)
            assert (answer.status_code, answer.json()) == (503, {"problem": "The database does not answer."})
            page = page_of(client)
            assert page.status_code == 503 and "Try again" in text(page)
            assert page["Cache-Control"] == "no-store"
        assert poll(client, given).status_code == 200


class TestPass:
    """Who brings one that is good is told by it alone; anyone else is looked up."""

    @pytest.fixture
    def given(self, client, shop, send):
        send(some(3, 2))
        return pass_of(client)

    @pytest.fixture
    def looked_up(self):
        """Calls of the view, which is behind the session and the membership."""
        from endpoint_stats.pages.live import views

        with mock.patch.object(views, "find_project", side_effect=views.find_project) as called:
            yield called

    def test_a_good_one(self, client, given, looked_up):
        answer = poll(client, given)
        assert answer.status_code == 200 and not looked_up.called
        assert HEADER not in answer
        assert answer["Cache-Control"] == "no-store"
        assert answer["Content-Security-Policy"] and answer["X-Frame-Options"] == "DENY"

    def test_none(self, client, given, looked_up):
        answer = poll(client)
        assert answer.status_code == 200 and looked_up.called
        assert poll(client, answer[HEADER]).status_code == 200
        assert looked_up.call_count == 1, "it brought a new one"

    @pytest.mark.parametrize(("age", "checks"), [(59, 0), (61, 1)])
    def test_after_a_minute_who_asks_is_looked_up(self, client, given, looked_up, age, checks):
        with mock.patch("django.core.signing.time.time", return_value=time.time() + age):
            answer = poll(client, given)
        assert answer.status_code == 200 and looked_up.call_count == checks
        assert (HEADER in answer) == bool(checks)

    def test_who_is_out_sees_nothing_newer_than_a_minute_after(self, client, shop, given, owner, looked_up):
        other = User.objects.create_user("eve@example.org", "another password")
        member = Membership.objects.create(project=shop, user=other, role="owner")
        browser = Client()
        browser.force_login(other)
        theirs = pass_of(browser)
        members.remove(member, by=owner)
        with mock.patch("django.core.signing.time.time", return_value=time.time() + 61):
            assert poll(browser, theirs).status_code == 404
        assert poll(browser).status_code == 404

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda given: given[:-1] + ("a" if given[-1] != "a" else "b"),
            lambda given: given.replace(":", "", 1),
            lambda given: "x",
            lambda given: "é" * 9,
            lambda given: signing.dumps([1, "shop", 1, "x"], salt="endpoint_stats.pages.live"),
            lambda given: signing.dumps(signing.loads(given, salt="endpoint_stats.pages.live"), salt="other"),
        ],
        ids=["tampered", "cut", "no pass", "no ASCII", "of no session", "of another use"],
    )
    def test_one_that_is_not_ours(self, client, shop, given, looked_up, spoil):
        assert poll(client, spoil(given)).status_code == 200
        assert looked_up.call_count == 1
        assert poll(Client(), spoil(given)).status_code == 302
        stranger = Client()
        stranger.force_login(User.objects.create_user("eve@example.org", "another password"))
        assert poll(stranger, spoil(given)).status_code == 404

    def test_of_another_browser(self, client, shop, given, owner):
        """A pass that leaked is worthless: to nobody, to a stranger, and to the same person in another session."""
        assert poll(Client(), given).status_code == 302
        stranger = Client()
        stranger.force_login(User.objects.create_user("eve@example.org", "another password"))
        assert poll(stranger, given).status_code == 404
        again = Client()
        again.force_login(owner)
        with Counting() as counted:
            assert HEADER in poll(again, given)
        assert counted.count > 0

    def test_of_another_project(self, client, given, owner, looked_up):
        create_project("other", owner=owner)
        assert poll(client, given, slug="other").json()["substance"] == "never"
        assert looked_up.call_count == 1
        foreign = create_project("foreign", owner=User.objects.create_user("eve@example.org", "another password"))
        assert poll(client, given, slug=foreign.slug).status_code == poll(client, given, slug="none").status_code == 404

    def test_who_signed_out(self, client, given):
        client.logout()
        assert poll(client, given).status_code == 302

    def test_a_project_that_is_gone(self, client, shop, given, owner):
        projects.delete(shop, NOW, by=owner)
        assert poll(client, given).status_code == 200, "it can be had back for a while"
        assert projects.purge(shop.pk, NOW + timedelta(days=15))
        live_shown.store.forget()
        assert poll(client, given).status_code == 404

    def test_under_a_name_that_is_not_ours(self, given, client):
        answer = client.get("/projects/shop/live/now/", headers={HEADER: given, "host": "evil.example"})
        assert answer.status_code == 400

    def test_it_opens_nothing_else(self, client, given):
        for method in ("post", "put", "delete", "patch"):
            assert getattr(client, method)("/projects/shop/live/now/", headers={HEADER: given}).status_code == 405
        assert Client().get("/projects/shop/", headers={HEADER: given}).status_code == 302
        assert client.head("/projects/shop/live/now/", headers={HEADER: given}).status_code == 200

    def test_no_word_of_it_in_the_body_or_an_address(self, client, given):
        body = poll(client, given).content.decode()
        assert given not in body and "Live-Pass" not in body


def test_without_a_script_it_is_a_snapshot(client, shop, send):
    send(some(3, 2))
    page = page_of(client, **{"filter.traffic": "normal"}).content.decode()
    assert '<noscript><a href="?filter.traffic=normal">Reload</a></noscript>' in page
    assert re.search(r'id="live-pause" hidden', page)
    assert 'data-now="/projects/shop/live/now/?filter.traffic=normal"' in page
    assert not re.search(r"\sstyle=|\son\w+=", page)


def test_the_switch_is_the_only_filter(client, shop, send):
    send(some(3, 2) + some(2, 2, "/b"))
    assert total(now_of(client, **{"filter.route": "/b", "from": "-1m"}), "requests") == "5"


def test_other_pages_lead_to_it(client, shop):
    for path in ("/projects/shop/", "/projects/shop/ledger/", "/projects/shop/settings/"):
        assert 'href="/projects/shop/live/"' in client.get(path).content.decode(), path


def test_it_is_not_shared_between_languages(client, shop, send):
    """Each reader has numbers in their own language, though one computation answers all who look."""
    send(some(3, 1) + some(1, 1, status=503))
    shown = [
        client.get("/projects/shop/live/", headers={"Accept-Language": language}).content.decode()
        for language in ("en", "de", "en")
    ]
    assert ["25.0%" in page for page in shown] == [True, False, True]
    assert ["25,0%" in page for page in shown] == [False, True, False]
