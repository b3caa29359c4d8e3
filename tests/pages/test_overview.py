"""What the overview says and asks, without a browser."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.db import connections
from django.shortcuts import resolve_url
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import user_cache
from accounts.models import Membership, Role, User
from accounts.services import create_project
from endpoint_stats.models import ProjectSettings
from endpoint_stats.pages import overview as pages_overview
from endpoint_stats.pages.endpoint_table import change
from endpoint_stats.pages.ranges import CHARTS, COARSEST, Range
from endpoint_stats.query import sql
from endpoint_stats.query.answer import Result
from endpoint_stats.query.spec import Query
from endpoint_stats.store.retention import prune
from tests.query.conftest import NOW, store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])

START = datetime(2025, 11, 10, tzinfo=UTC)


def hit(minute, route="/a", **more):
    return {
        "service": "shop", "method": "GET", "path": route, "route": route, "status": 200, "duration": 0.1,
        "time": (START + timedelta(minutes=minute)).isoformat(), **more,
    }  # fmt: skip


@pytest.fixture
def shop(owner, tmp_path):
    """Two days of an hour each: the second has twice the requests and a failing endpoint; in between nothing."""
    project = create_project("shop", owner=owner, time_zone="Europe/Berlin")
    ProjectSettings.objects.create(project=project)
    first = [hit(minute) for minute in range(60)]
    second = [
        hit(1440 + minute // 2, ("/a", "/b/{id}")[minute % 2], status=(200, 503)[minute % 2]) for minute in range(120)
    ]
    for part in (first, second):
        store_hits(project, tmp_path, part)
    return project


def get(client, slug="shop", **state):
    return client.get(f"/projects/{slug}/", {name.rstrip("_"): value for name, value in state.items()})


def text(response):
    return re.sub(
        r"\s+", " ", unescape(re.sub(r"<script.*?</script>|<[^>]+>", " ", response.content.decode(), flags=re.S))
    )


def charts(response):
    found = re.findall(
        r'<script id="chart-(\w+)-data" type="application/json">(.*?)</script>', response.content.decode()
    )
    return {name: json.loads(data) for name, data in found}


SECOND = {"from_": "2025-11-11T00:00Z", "to": "2025-11-11T01:00Z"}


class TestNumbers:
    def test_totals_with_their_change(self, client, shop):
        page = get(client, from_="2025-11-11T00:00Z", to="2025-11-12T00:00Z")
        shown = text(page)
        assert "GET /b/{id} fails most: 60 of 60 requests (100.0%)." in shown
        totals = {name: text for name, text in re.findall(r"<dt>([^<]+)</dt><dd[^>]*>([^<]+)", page.content.decode())}
        assert totals["Requests"].strip() == "120"
        assert totals["Server errors"].strip() == "50.0%"
        assert "+100 %" in shown
        assert "against the day before" in page.content.decode()

    def test_what_was_not_measured_before_is_no_change(self, client, shop):
        page = get(client, **SECOND)
        assert "The hour before was not measured, so there are no changes to show." in text(page)
        assert 'class="change"' not in page.content.decode()

    def test_a_share_of_all_is_told_from_all(self):
        from endpoint_stats.query.render import cell

        assert cell("availability", 0.99996) == ">99.9%"
        assert cell("availability", 1.0) == "100.0%"
        assert cell("rate", 1234.5) == "1,234"

    @pytest.mark.parametrize(
        ("value", "before", "expected"),
        [(12, 10, "+20 %"), (8, 10, "−20 %"), (1000, 999.9, "±0 %"), (110, 10, "×11"), (5, 0, None), (None, 5, None)],
    )
    def test_changes(self, value, before, expected):
        query = Query(1, START, START + timedelta(days=1))
        result = Result(query, {}, {}, 0.01, [], NOW, 1.0, "", 1.0)
        found = change(result, {"requests": value, "requests_previous": before}, "requests", "")
        assert (found.text if found else None) == expected
        half_measured = Result(query, {}, {}, 0.01, [], NOW, 1.0, "", 0.5)
        assert change(half_measured, {"requests": 12, "requests_previous": 10}, "requests", "") is None


class TestCharts:
    def test_every_bucket_of_the_range_and_gaps_where_nothing_was_measured(self, client, shop):
        found = charts(get(client, from_="2025-11-10T00:00Z", to="2025-11-12T00:00Z"))
        assert set(found) == {"requests", "latency", "errors", "heatmap"}
        requests = found["requests"]
        assert (requests["step"], len(requests["time"])) == (3600, 48)
        by_class = {one["name"]: one["values"] for one in requests["series"]}
        assert (by_class["2xx"][0], by_class["5xx"][24]) == (60, 60)
        assert by_class["2xx"][1] is None, "nobody looked"
        first = int(START.timestamp())
        assert requests["gaps"] == [[first + 3600, first + 86_400], [first + 90_000, first + 172_800]]
        assert found["errors"]["series"][0]["values"][24] == 0.5
        assert sum(sum(bucket or []) for bucket in found["heatmap"]["counts"]) == 180
        assert found["latency"]["zone"] == "Europe/Berlin"

    def test_a_quiet_bucket_that_was_observed_is_zero(self, client, shop, tmp_path):
        store_hits(shop, tmp_path, [hit(4320), hit(4500)])
        found = charts(get(client, from_="2025-11-13T00:00Z", to="2025-11-13T03:00Z"))["requests"]
        values = {one["name"]: one["values"] for one in found["series"]}["2xx"]
        assert (values[0], values[1], found["gaps"]) == (1, 0, [])

    def test_coarser_where_minutes_are_no_longer_kept(self, client, shop, tmp_path):
        shop.settings.minute_days = 1
        shop.settings.save()
        store_hits(shop, tmp_path, [hit(20 * 1440)])
        prune(shop.pk, NOW)
        page = get(client, **SECOND)
        assert page.status_code == 200
        assert charts(page)["requests"]["step"] == 3600

    def test_days_of_utc_where_hours_are_no_longer_kept(self, client, shop, tmp_path):
        """Days in Berlin are made of hours; those of UTC are kept for ever."""
        shop.settings.minute_days, shop.settings.hour_days = 1, 2
        shop.settings.save()
        store_hits(shop, tmp_path, [hit(20 * 1440)])
        prune(shop.pk, NOW)
        page = get(client, from_="2025-11-10T00:00Z", to="2025-12-01T00:00Z")
        assert page.status_code == 200
        found = charts(page)["requests"]
        assert (found["zone"], found["step"]) == ("UTC", 86_400)
        values = {one["name"]: one["values"] for one in found["series"]}["2xx"]
        assert (values[:2], values[-1]) == ([60, 60], 1)
        assert "Days here are days of UTC" in text(page)
        recent = get(client, from_="2025-11-30T00:00Z", to="2025-11-30T03:00Z")
        assert "Days here are days of UTC" not in text(recent)

    @pytest.mark.parametrize(
        ("minutes", "interval"),
        [
            (1, 1),
            (180, 1),
            (181, 5),
            (720, 5),
            (1440, 15),
            (10_080, 60),
            (43_200, 360),
            (43_201, 1440),
            (700_000, 10_080),
        ],
    )
    def test_buckets_fit_the_range(self, minutes, interval):
        shown = Range(START, START + timedelta(minutes=minutes), False)
        intervals = shown.intervals(CHARTS)
        assert intervals[0] == interval
        assert intervals == sorted(intervals)
        assert intervals[-1] == COARSEST, "for when nothing finer is kept"
        assert minutes / interval <= 500


class TestState:
    def test_search_and_order_stand_in_the_address_and_its_links(self, client, shop):
        page = get(client, q="b/", order="p95", **SECOND).content.decode()
        assert "1 of 2 endpoints have “b/”." in text(get(client, q="b/", **SECOND))
        for link in re.findall(r'<a href="\?([^"]+)"', page):
            assert "q=b%2F" in link, link
            assert "order=" in link
        assert 'aria-sort="ascending"><a id="by-p95" href="?from=2025-11-11T00%3A00Z&amp;to=2025-11-11T01%3A00Z' in page

    def test_nothing_found(self, client, shop):
        assert "No endpoint has “nothing such”." in text(get(client, q="nothing such", **SECOND))

    def test_times_without_a_zone_are_the_projects(self, client, shop):
        local = get(client, from_="2025-11-11T01:00", to="2025-11-11T02:00")
        assert charts(local)["requests"]["time"] == charts(get(client, **SECOND))["requests"]["time"]
        assert 'value="2025-11-11T01:00"' in local.content.decode()

    @pytest.mark.parametrize(
        "state", [{"from_": "soon"}, {"from_": "now", "to": "-1h"}, {"order": "nonsense"}, {"from_": "1969-01-01"},
                  {"order": "--requests"}],
    )  # fmt: skip
    def test_what_is_not_understood(self, client, shop, state):
        page = get(client, **state)
        assert page.status_code == 422
        assert 'role="alert"' in page.content.decode()

    def test_the_first_range_fits_the_data(self, client, shop):
        times = charts(get(client))["requests"]["time"]
        assert datetime.fromtimestamp(times[-1], UTC) < START + timedelta(days=2)
        assert datetime.fromtimestamp(times[0], UTC) >= START - timedelta(days=7)

    def test_more_than_a_screen_of_endpoints(self, client, shop, tmp_path):
        store_hits(shop, tmp_path, [hit(1441, f"/many/{at}") for at in range(120)])
        page = get(client, **SECOND)
        assert "Show 72 more" in text(page)
        (link,) = re.findall(r'href="(\?[^"]*all=1[^"]*)"', page.content.decode())
        assert "Show" not in text(client.get("/projects/shop/" + unescape(link))).split("p99")[-1]


class TestWhoMaySee:
    @pytest.fixture
    def foreign(self):
        return create_project("foreign", owner=User.objects.create_user("eve@example.org", "another password"))

    def test_a_foreign_project_is_as_a_missing_one(self, client, shop, foreign):
        assert get(client, "foreign").status_code == get(client, "missing").status_code == 404
        assert get(client, "foreign", from_="nonsense").status_code == 404

    def test_other_projects_are_not_named(self, client, shop, foreign):
        assert "foreign" not in get(client).content.decode()

    @pytest.mark.parametrize("path", ["/", "/projects/shop/", "/projects/missing/"])
    def test_who_is_not_signed_in_is_asked_to(self, shop, path):
        response = Client().get(path)
        assert response.status_code == 302
        assert urlsplit(response["Location"]).path == resolve_url(settings.LOGIN_URL)
        assert parse_qs(urlsplit(response["Location"]).query)["next"] == [path]

    def test_home_is_the_first_of_ones_own_projects(self, client, foreign):
        assert "foreign" not in client.get("/").content.decode()
        Membership.objects.create(project=foreign, user=User.objects.get(email="ada@example.org"), role=Role.VIEWER)
        assert client.get("/")["Location"] == "/projects/foreign/"
        assert get(client, "foreign").status_code == 200


def test_the_number_of_statements(client, shop):
    """Session, user and projects; then the state with the journal, and all else (numbers, names, coverage) at once; the
    marks of incidents and releases, and what is open."""
    get(client)
    user_cache.clear(User.objects.get())
    with (
        CaptureQueriesContext(connections["default"]) as captured,
        CaptureQueriesContext(connections["local"]) as local,
        mock.patch.object(sql, "_cursor", side_effect=sql._cursor) as numbers,
    ):
        assert get(client).status_code == 200
    # The cache is a table only where there is no Redis.
    asked = [query["sql"] for query in (*captured, *local) if "json_cache" not in query["sql"]]
    # On PostgreSQL the numbers come over a cursor of their own, which is not captured.
    unseen = numbers.call_count if connections["default"].vendor == "postgresql" else 0
    selects = [text for text in asked if text.lstrip().startswith(("SELECT", "(SELECT"))]
    assert len(selects) + unseen == 7, "\n".join(selects)
    assert numbers.call_count == 1
    assert not [text for text in asked if text.startswith(("INSERT", "UPDATE", "DELETE"))]


def test_questions_are_made_for_the_way_that_is_asked_alone(client, shop):
    """Of a project with a zone of its own there are many ways; to make all their questions takes longer than to answer
    those of one."""
    for _ in range(2):
        with mock.patch.object(pages_overview, "_queries", side_effect=pages_overview._queries) as made:
            get(client)
        assert made.call_count <= 2


def test_nothing_is_run_that_is_inline(client, shop):
    page = get(client).content.decode()
    assert not re.search(r"\sstyle=|\son\w+=", page)
    assert not [attributes for attributes in re.findall(r"<script([^>]*)>", page) if "src=" not in attributes
                and 'type="application/json"' not in attributes]  # fmt: skip
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
