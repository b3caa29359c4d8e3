"""The pages of consumers and of releases, without a browser; expected numbers by counting the hits."""

import re
from collections import Counter
from datetime import timedelta

import pytest

from accounts.services import create_project
from endpoint_stats.models import ProjectSettings
from tests.pages.test_overview import START, charts, hit, text
from tests.query.conftest import store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])

DAY = {"from": "2025-11-11T00:00Z", "to": "2025-11-12T00:00Z"}
CONSUMERS = ("acme", "globex", "initech", "<b>", "")
VERSIONS = (("shop", "1.0"), ("shop", "1.1"), ("pay", "7"), ("shop", ""))
HITS = [
    hit(
        1440 + (number * 37 + place * 11 + at * 5) % 1440,
        "/orders/{id}" if number % 3 else "/search",
        status=503 if consumer == "globex" and number % 2 else 200,
        consumer=consumer,
        service=service,
        version=version,
        duration=0.05 * (1 + place),
    )
    for place, consumer in enumerate(CONSUMERS)
    for at, (service, version) in enumerate(VERSIONS)
    for number in range(8 + 3 * place + 2 * len(version))
]
BEFORE = [hit(minute, consumer=("acme", "umbrella")[minute // 60 % 2], version="0.9") for minute in range(0, 1440, 60)]


@pytest.fixture
def shop(owner, tmp_path):
    project = create_project("shop", owner=owner, time_zone="Europe/Berlin")
    ProjectSettings.objects.create(project=project)
    store_hits(project, tmp_path, BEFORE)
    store_hits(project, tmp_path, HITS)
    return project


def rows_of(page):
    """[(name, service, requests, share of errors, first, last)] as the table shows them."""
    found = []
    for row in re.findall(r"<tr>\s*<th scope=\"row\" class=\"endpoint\">(.*?)</tr>", page.content.decode(), re.S):
        name = re.search(r'class="route"[^>]*><bdi>(.*?)</bdi>', row)[1]
        service = re.search(r'class="service">(.*?)<', row)
        requests = re.search(r'class="requests">([\d,]+)<', row)[1]
        errors = re.search(r'class="error_rate[^>]*title="([\d,]+) server', row)[1]
        first, last = re.findall(r'<time datetime="([^"]+)"', row)
        found.append((name, service[1] if service else "", int(requests.replace(",", "")), int(errors), first, last))
    return found


def moment(hits, pick, *, hour=False):
    found = pick(one["time"] for one in hits)
    return (found[:13] + ":00" if hour else found[:16]) + ":00Z"


class TestConsumers:
    def test_who_calls_how_often_and_since_when(self, client, shop):
        page = client.get("/projects/shop/consumers/", DAY)
        assert page.status_code == 200
        expected = []
        for name in filter(None, CONSUMERS):
            here = [one for one in HITS if one["consumer"] == name]
            ever = [one for one in HITS + BEFORE if one["consumer"] == name]
            errors = sum(one["status"] >= 500 for one in here)
            said = name.replace("<", "&lt;").replace(">", "&gt;")
            expected.append((said, "", len(here), errors, moment(ever, min, hour=True), moment(ever, max, hour=True)))
        assert sorted(rows_of(page)) == sorted(expected)
        requests = [row[2] for row in rows_of(page)]
        assert requests == sorted(requests, reverse=True)
        api = client.get("/api/v1/projects/shop/stats", DAY | {"metrics": "requests", "group_by": "consumer"}).json()
        by_api = {row["consumer"]: row["requests"] for row in api["rows"]}
        assert by_api == Counter(one["consumer"] for one in HITS if one["consumer"])
        failed = sum(one["status"] >= 500 for one in HITS)
        assert f"globex fails most: {failed} of" in text(page)
        named = sum(bool(one["consumer"]) for one in HITS) / len(HITS)
        assert f"{named:.1%} of the requests name a consumer" in text(page)

    def test_the_chart_adds_up_to_all_requests(self, client, shop):
        (chart,) = charts(client.get("/projects/shop/consumers/", DAY)).values()
        counts = Counter()
        for one in HITS:
            counts[one["consumer"] or "others, or nobody named"] += 1
        assert {one["label"]: sum(filter(None, one["values"])) for one in chart["series"]} == counts

    def test_who_left(self, client, shop):
        page = text(client.get("/projects/shop/consumers/", DAY))
        assert "Not seen in this range" in page and "umbrella" in page.partition("Not seen in this range")[2]
        filtered = text(client.get("/projects/shop/consumers/", DAY | {"filter.route": "/search"}))
        assert "Not seen" not in filtered

    def test_among_some_statuses_a_share_of_errors_says_nothing(self, client, shop):
        page = client.get("/projects/shop/consumers/", DAY | {"filter.status": "5xx"})
        assert "fails most" not in text(page) and "of such requests" in text(page)
        assert "error_rate failing" not in page.content.decode()

    def test_search_order_and_the_way_on(self, client, shop):
        names = lambda **state: [row[0] for row in rows_of(client.get("/projects/shop/consumers/", DAY | state))]  # noqa: E731
        assert names(q="GLO") == ["globex"]
        assert names(order="consumer") == ["&lt;b&gt;", "acme", "globex", "initech"]
        assert names(order="-consumer") == names(order="consumer")[::-1]
        assert names(order="first")[0] == "acme" and names(order="-first")[-1] == "acme"
        page = client.get("/projects/shop/consumers/", DAY | {"order": "consumer"}).content.decode()
        links = re.findall(r'class="route" href="([^"]+)"', page)
        overview = client.get(links[1].replace("&amp;", "&"))
        wanted = sum(one["consumer"] == "acme" for one in HITS)
        assert re.search(rf"<dt>Requests</dt><dd[^>]*>\s*{wanted}\b", overview.content.decode())

    def test_what_cannot_be_asked_is_not_offered(self, client, shop):
        page = text(client.get("/projects/shop/consumers/", DAY))
        assert "Bots and health checks" not in page
        form = text(client.get("/projects/shop/consumers/filters/", DAY))
        assert "Route" in form and "Version" not in form and "Consumer " not in form.partition("Filter")[2]
        refused = client.get("/projects/shop/consumers/", DAY | {"filter.release": "1.0"})
        assert refused.status_code == 422 and "Take out the filter Version 1.0" in refused.content.decode()
        assert client.get("/projects/shop/consumers/", DAY | {"order": "p99"}).status_code == 422

    def test_nobody_is_named(self, client, owner, tmp_path):
        project = create_project("quiet", owner=owner)
        empty = client.get("/projects/quiet/consumers/")
        assert "No requests yet" in text(empty)
        store_hits(project, tmp_path, [hit(1)])
        page = text(client.get("/projects/quiet/consumers/"))
        assert "Nobody is named" in page and "enduser.id" in page


class TestReleases:
    def test_what_answers_how_and_since_when(self, client, shop):
        page = client.get("/projects/shop/releases/", DAY)
        expected = []
        for service, version in VERSIONS:
            here = [one for one in HITS if (one["service"], one["version"]) == (service, version)]
            if version:
                errors = sum(one["status"] >= 500 for one in here)
                expected.append((version, service, len(here), errors, moment(here, min), moment(here, max)))
        assert sorted(rows_of(page)) == sorted(expected)
        assert "0.9" in text(page).partition("Not seen in this range")[2]

    def test_each_is_compared_with_the_one_before_of_its_service(self, client, shop):
        first = {
            version: min(one["time"] for one in HITS + BEFORE if one["service"] == "shop" and one["version"] == version)
            for version in ("0.9", "1.0", "1.1")
        }
        order = sorted(first, key=first.get)
        page = client.get("/projects/shop/releases/", DAY).content.decode()
        links = [link.replace("&amp;", "&") for link in re.findall(r'href="([^"]+by=release[^"]+)"', page)]
        assert len(links) == 2, "the only version of pay has none before it"
        for link in links:
            compared = client.get(link)
            assert compared.status_code == 200
        pairs = {tuple(re.search(r"[?&]a=shop\+([^&]+)&b=shop\+([^&]+)", link).groups()) for link in links}
        assert pairs == {(order[0], order[1]), (order[1], order[2])}

    def test_one_hit(self, client, owner, tmp_path):
        project = create_project("one", owner=owner)
        store_hits(project, tmp_path, [hit(5, version="1")])
        page = client.get("/projects/one/releases/")
        assert [row[:3] for row in rows_of(page)] == [("1", "shop", 1)]
        assert rows_of(page)[0][4] == rows_of(page)[0][5] == (START + timedelta(minutes=5)).isoformat()[:19] + "Z"
