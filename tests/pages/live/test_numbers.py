"""The numbers and the words of the live page, without a browser."""

import random
import re
from collections import Counter, defaultdict
from datetime import datetime, timedelta

import pytest

from endpoint_stats.models import Journal, Sample
from endpoint_stats.store.compact import compact
from tests.pages.live.conftest import (
    BOT,
    MINUTE,
    NOW,
    hit,
    nearest_rank,
    now_of,
    page_of,
    rows,
    said,
    series,
    some,
    total,
)
from tests.pages.test_overview import text

pytestmark = pytest.mark.django_db(databases=["default", "local"])


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
