"""The page of one endpoint, and filters on both pages of numbers, without a browser."""

import json
import re
from collections import Counter
from urllib.parse import urlencode

import pytest

from accounts.models import User
from accounts.services import create_project
from endpoint_stats.aggregate.sketch import BANDS
from endpoint_stats.models import Endpoint, ProjectSettings, RoutePattern, Sample
from endpoint_stats.pages import registry
from endpoint_stats.pages.histogram import HEIGHT, WIDTH, bars
from tests.pages.test_overview import START, charts, hit, text
from tests.query.conftest import store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])

DAY = {"from": "2025-11-10T00:00Z", "to": "2025-11-11T00:00Z"}
# (route, status, consumer, version, seconds): twelve kinds of hits, each a different number of times.
KINDS = [
    (route, status, consumer, version, 0.05 * (1 + place))
    for place, (route, status, consumer, version) in enumerate(
        (route, status, consumer, version)
        for route in ("/orders/{id}", "/search")
        for status, consumer in ((200, "acme"), (200, "globex"), (503, "acme"))
        for version in ("1.0", "1.1")
    )
]
HITS = [
    hit((place * 7 + number) % 1440, route, status=status, consumer=consumer, version=version, duration=seconds)
    for place, (route, status, consumer, version, seconds) in enumerate(KINDS)
    for number in range(10 + place)
]


@pytest.fixture
def shop(owner, tmp_path):
    project = create_project("shop", owner=owner)
    ProjectSettings.objects.create(project=project, trace_url="https://traces.example.org/{trace_id}")
    bots = [hit(5, "/orders/{id}", user_agent="Googlebot/2.1") for _ in range(4)]
    store_hits(project, tmp_path, [*HITS, *bots])
    return project


def address(route="/orders/{id}"):
    return f"/projects/shop/endpoints/{Endpoint.objects.get(route=route).pk}/"


def of(client, route="/orders/{id}", **state):
    return client.get(address(route), DAY | state)


def requests_on(page):
    (found,) = re.findall(r"<dt>Requests</dt><dd[^>]*>\s*([\d,]+)", page.content.decode())
    return int(found.replace(",", ""))


def counted(**wanted):
    """By counting the hits one by one."""
    return sum(all(one[name] == value for name, value in wanted.items()) for one in HITS)


class TestFilters:
    @pytest.mark.parametrize(
        ("asked", "wanted"),
        [
            ({"filter.consumer": "acme"}, {"consumer": "acme"}),
            ({"filter.status": "503"}, {"status": 503}),
            ({"filter.status": "5xx"}, {"status": 503}),
            ({"filter.release": "1.1", "filter.traffic": "normal"}, {"version": "1.1"}),
            ({"filter.route": "/search"}, {"route": "/search"}),
            ({"filter.consumer": "acme", "filter.status": "503", "filter.route": "/search"},
             {"consumer": "acme", "status": 503, "route": "/search"}),
            ({"filter.consumer": "nobody"}, {"consumer": "nobody"}),
        ],
    )  # fmt: skip
    def test_the_overview_shows_what_they_leave(self, client, shop, asked, wanted):
        page = client.get("/projects/shop/", DAY | asked)
        assert page.status_code == 200
        assert requests_on(page) == counted(**wanted)
        api = client.get("/api/v1/projects/shop/stats", {**DAY, "metrics": "requests", **asked}).json()
        assert api["totals"]["requests"] == counted(**wanted)
        for name, value in asked.items():
            if name != "filter.traffic":
                assert "Take out the filter" in page.content.decode() and value in text(page)

    def test_several_values_of_one_are_any_of_them(self, client, shop):
        page = client.get(f"/projects/shop/?{urlencode(DAY)}&filter.consumer=acme&filter.consumer=globex")
        assert requests_on(page) == len(HITS)

    def test_one_click_hides_bots(self, client, shop):
        page = client.get("/projects/shop/", DAY)
        assert requests_on(page) == len(HITS) + 4
        assert "Bots and health checks: shown" in text(page)
        (link,) = re.findall(r'role="switch"[^>]*href="(\?[^"]+)"', page.content.decode())
        hidden = client.get("/projects/shop/" + link.replace("&amp;", "&"))
        assert requests_on(hidden) == len(HITS) and "Bots and health checks: hidden" in text(hidden)

    def test_they_stay_in_every_link_of_the_page(self, client, shop):
        page = client.get("/projects/shop/", DAY | {"filter.release": "1.1"}).content.decode()
        links = re.findall(r'<a id="(?:by|range)-[^"]+" href="(\?[^"]+)"', page)
        assert len(links) > 8 and all("filter.release=1.1" in link for link in links)
        (search,) = re.findall(r'<input type="hidden" name="filter.release" value="1.1" form="search">', page)
        assert search
        assert re.search(r'/endpoints/[0-9a-f-]+/\?[^"]*filter.release=1.1', page)

    @pytest.mark.parametrize(
        "asked", [{"filter.consumer": "acme", "filter.release": "1.1"}, {"filter.nonsense": "x"},
                  {"filter.status": "many"}, {"filter.traffic": "cats"}],
    )  # fmt: skip
    def test_what_cannot_be_answered_says_why_and_can_be_taken_out(self, client, shop, asked):
        for page in (client.get("/projects/shop/", DAY | asked), of(client, **asked)):
            assert page.status_code == 422
            shown = page.content.decode()
            assert 'role="alert"' in shown and shown.count("Take out the filter") == len(asked)

    def test_by_consumer_in_whole_hours(self, client, shop):
        """They are kept by the hour: a range that is no whole hours is widened, and says so by its times."""
        odd = {"from": "2025-11-10T00:10Z", "to": "2025-11-10T01:20Z", "filter.consumer": "acme"}
        page = client.get("/projects/shop/", odd)
        assert page.status_code == 200 and charts(page)["requests"]["step"] == 3600
        assert "10 Nov 2025 00:00 – 10 Nov 2025 02:00" in text(page)

    def test_what_a_form_left_empty_leaves_the_address(self, client, shop):
        for path in ("/projects/shop/", address()):
            sent = client.get(path, {**DAY, "filter.service": "", "filter.status": " ", "filter.consumer": "acme"})
            assert sent.status_code == 302
            assert sent["Location"] == f"{path}?{urlencode(DAY)}&filter.consumer=acme"

    def test_the_form_offers_what_there_is(self, client, shop):
        asked = {**DAY, "filter.service": "shop", "filter.traffic": "normal", "order": "p95"}
        form = client.get("/projects/shop/filters/", asked, headers={"HX-Request": "true"}).content.decode()
        assert "<html" not in form
        for value in ("acme", "globex", "1.0", "1.1", "5xx", "shop", "GET"):
            assert f'<option value="{value}">' in form, value
        assert 'name="filter.service" value="shop"' in form
        assert 'name="filter.traffic" value="normal"' in form and 'name="order"' not in form
        whole = client.get("/projects/shop/filters/", asked).content.decode()
        assert "<html" in whole and 'name="filter.consumer"' in whole

    def test_the_form_of_an_endpoint_asks_for_what_it_has(self, client, shop):
        form = client.get(f"{address()}filters/", DAY).content.decode()
        assert 'name="filter.consumer"' in form and 'name="filter.route"' not in form
        assert f'action="{address()}"' in form


class TestEndpoint:
    def test_the_numbers_are_the_apis(self, client, shop):
        page = of(client, "/search")
        assert requests_on(page) == counted(route="/search")
        asked = {**DAY, "filter.endpoint": "GET /search", "metrics": "requests,errors,error_rate,p50,p95,p99"}
        told = client.get("/api/v1/projects/shop/stats", asked).json()["totals"]
        from endpoint_stats.query.render import cell

        shown = dict(re.findall(r"<dt>([^<]+)</dt><dd[^>]*>\s*([^<]+?)\s*<", page.content.decode()))
        for title, name in (("Server errors", "error_rate"), ("p50", "p50"), ("p95", "p95"), ("p99", "p99")):
            assert shown[title] == cell(name, told[name]), title
        assert told["errors"] == counted(route="/search", status=503)

    def test_its_parts(self, client, shop):
        page = of(client, "/search")
        rows = Counter()
        for name, requests in re.findall(
            r'<th scope="row"><a href="\?[^"]+">(?:<bdi>)?([^<]+)(?:</bdi>)?</a></th><td>([\d,]+)</td>',
            page.content.decode(),
        ):
            rows[name] = int(requests)
        for name, wanted in (
            ("acme", {"consumer": "acme"}), ("globex", {"consumer": "globex"}), ("1.0", {"version": "1.0"}),
            ("200", {"status": 200}), ("503", {"status": 503}),
        ):  # fmt: skip
            assert rows[name] == counted(route="/search", **wanted), name

    def test_its_sentence_says_for_whom(self, client, shop):
        failed = counted(route="/search", status=503)
        said = text(of(client, "/search"))
        assert f"{failed} of {counted(route='/search')} requests failed" in said
        assert "nearly all of them of acme" in said

    def test_a_row_filters_by_itself(self, client, shop):
        page = of(client, "/search").content.decode()
        (link,) = re.findall(r'<a href="(\?[^"]+)"><bdi>globex</bdi></a>', page)
        filtered = client.get(address("/search") + link.replace("&amp;", "&"))
        assert requests_on(filtered) == counted(route="/search", consumer="globex")
        assert "Consumers are kept by endpoint and hour, not by release" in text(filtered), "why there are no versions"

    def test_how_long_requests_take(self, client, shop):
        page = of(client, "/search").content.decode()
        table = re.search(r'aria-label="Table: how long requests take".*?</table>', page, re.S)[0]
        assert sum(int(count.replace(",", "")) for count in re.findall(r"</th><td>([\d,]+)</td>", table)) == counted(
            route="/search"
        )

    def test_examples_with_their_traces(self, client, shop):
        found = Endpoint.objects.get(route="/search")
        minute = int(START.timestamp()) // 60 + 30
        for number, (status, seconds) in enumerate(((200, 2.5), (503, 0.1))):
            Sample.objects.create(
                project=shop, id=number + 1, time=minute, second=7, endpoint=found.key, status=status,
                failing=status >= 500, duration_us=int(seconds * 1e6), path=f"/search?n={number}",
                consumer="acme", version="1.1", trace_id=f"{number:032x}",
            )  # fmt: skip
        page = of(client, "/search")
        assert text(page).index("/search?n=0") < text(page).index("/search?n=1"), "the slowest first"
        assert f'href="https://traces.example.org/{1:032x}"' in page.content.decode()
        assert "None kept" in text(of(client))

    def test_the_pattern_behind_its_name(self, client, shop):
        assert "by the route that their source names" in text(of(client))
        RoutePattern.objects.create(project=shop, pattern="/orders/{id}")
        RoutePattern.objects.create(project=shop, pattern="/orders/{id}", method="POST")
        assert "own pattern /orders/{id}" in text(of(client))

    def test_marks_and_panels_of_higher_apps(self, client, shop, monkeypatch):
        monkeypatch.setattr(registry, "_marks", {})
        monkeypatch.setattr(registry, "_panels", {})
        seen = []

        def marks(project, start, end, filters):
            seen.append((project, start.isoformat(), filters))
            return [registry.Mark(START, "release 1.1", "release")]

        registry.register_marks("releases", marks)
        registry.register_panel(
            "planner", lambda request, project, found: registry.Panel("Planner", "404.html", {"of": found})
        )
        for page in (of(client), client.get("/projects/shop/", DAY | {"filter.release": "1.1"})):
            for chart in charts(page).values():
                assert chart["marks"] == [{"time": int(START.timestamp()), "label": "release 1.1", "kind": "release"}]
        assert "Planner" in text(of(client))
        assert seen[1] == (shop, "2025-11-10T00:00:00+00:00", (("release", ("1.1",)),))
        with pytest.raises(ValueError, match="twice"):
            registry.register_marks("releases", lambda *_: [])
        registry.register_marks("wrong", lambda *_: [registry.Mark(START, "x", "party")])
        with pytest.raises(ValueError, match="no kind of mark"):
            of(client)

    def test_one_of_another_project_is_as_none(self, client, shop, tmp_path):
        foreign = create_project("foreign", owner=User.objects.create_user("eve@example.org", "another password"))
        store_hits(foreign, tmp_path, [hit(1, "/secret")])
        theirs = Endpoint.objects.get(route="/secret").pk
        for path in ("", "filters/"):
            found = client.get(f"/projects/shop/endpoints/{theirs}/{path}")
            missing = client.get(f"/projects/shop/endpoints/00000000-0000-0000-0000-000000000001/{path}")
            assert found.status_code == missing.status_code == 404

    def test_nothing_in_the_range(self, client, shop):
        page = of(client, **{"from": "2025-01-01T00:00Z", "to": "2025-01-02T00:00Z"})
        assert "No requests in this range." in text(page) and page.status_code == 200

    @pytest.mark.parametrize(
        "route",
        ["/" + "x" * 1900, "/مرحبا/عالم", "/🚲/{id}", "/<script>alert(1)</script>", '/"onmouseover="x', "/{{ 7 }}"],
    )
    def test_names_of_every_kind(self, client, shop, tmp_path, route):
        store_hits(shop, tmp_path, [hit(1, route, path="/x")])
        page = of(client, route)
        assert page.status_code == 200
        shown = page.content.decode()
        assert route in text(page) or "script" in route
        assert "<script>alert" not in shown and ' onmouseover="' not in shown
        assert client.get("/projects/shop/", DAY).status_code == 200


class TestHistogram:
    def test_bars_are_as_high_as_their_counts(self):
        counts = [0] * (len(BANDS) + 1)
        counts[10], counts[12], counts[-1] = 3, 6, 1
        made = bars(counts)
        assert len(made) == len(counts) - 10 and made[0].x == 0
        assert (made[0].height, made[1].height, made[2].height) == (HEIGHT / 2, 0, HEIGHT)
        assert made[-1].label.startswith("over ") and made[2].count == "6" and made[2].share == "60.0%"
        assert abs(made[-1].x + made[-1].width - WIDTH) <= 1.5

    def test_no_durations(self):
        assert bars([0] * (len(BANDS) + 1)) == []
        assert json.dumps([bar.label for bar in bars([1] * (len(BANDS) + 1))])
