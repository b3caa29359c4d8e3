"""Two sides of a comparison against counting, and which changes are said."""

import math
import re
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.services import create_project
from endpoint_stats.models import Endpoint, ProjectSettings
from endpoint_stats.pages import differences
from endpoint_stats.pages.differences import FEW, FEW_TIMED, error_change, latency_change
from tests.pages.test_overview import charts, hit, text
from tests.query.conftest import store_hits

needs_database = pytest.mark.django_db(databases=["default", "local"])

DAY = {"from": "2025-11-11T00:00Z", "to": "2025-11-12T00:00Z"}


def some(count, route, start, *, failing=0, **more):
    """So many hits over a day, the first of them failing."""
    return [hit(start + at * 1400 // count, route, status=503 if at < failing else 200, **more) for at in range(count)]


# By route: what came the day before and on the day.
BEFORE = [
    *some(400, "/pay", 0, failing=2, duration=0.2, version="5.1", consumer="acme"),
    *some(400, "/slow", 0, duration=0.1, version="5.1", consumer="globex"),
    *some(400, "/better", 0, duration=0.8, version="5.1", consumer="acme"),
    *some(400, "/same", 0, failing=4, duration=0.1, version="5.1", consumer="globex"),
    *some(30, "/gone", 0, duration=0.1, version="5.1"),
    *some(5, "/few", 0, duration=0.1, version="5.1"),
]
AFTER = [
    *some(300, "/pay", 1440, failing=60, duration=0.2, version="5.2", consumer="acme"),
    *some(500, "/slow", 1440, duration=0.5, version="5.2", consumer="globex"),
    *some(400, "/better", 1440, duration=0.4, version="5.2", consumer="acme"),
    *some(400, "/same", 1440, failing=5, duration=0.101, version="5.2", consumer="globex"),
    *some(40, "/new", 1440, duration=0.1, version="5.2"),
    *some(5, "/few", 1440, failing=5, duration=9, version="5.2"),
]


@pytest.fixture
def shop(owner, tmp_path):
    project = create_project("shop", owner=owner)
    ProjectSettings.objects.create(project=project)
    store_hits(project, tmp_path, BEFORE)
    store_hits(project, tmp_path, AFTER)
    return project


def compared(client, **state):
    return client.get("/projects/shop/compare/", DAY | state)


def rows_of(page):
    """{route: (what changed, first side's requests, second side's)} in the order of the table."""
    found = {}
    for row in re.findall(r'<tr>\s*<th scope="row" class="endpoint">(.*?)</tr>', page.content.decode(), re.S):
        route = re.search(r"<bdi>(.*?)</bdi>", row)[1]
        what = re.search(r'<td class="what (\w+)">(.*?)</td>', row)
        before, after = re.findall(r'<td class="requests(?: side)?">([^<]+)</td>', row)
        found[route] = (what[1], what[2], before, after)
    return found


EXPECTED = {
    "/slow": ("worse", "p95 ×5.0", "400", "500"),
    "/pay": ("worse", "errors +19.5 points", "400", "300"),
    "/better": ("better", "p95 −50 %", "400", "400"),
    "/new": ("new", "only in the second", "–", "40"),
    "/gone": ("gone", "only in the first", "30", "–"),
    "/same": ("same", "about the same", "400", "400"),
    "/few": ("few", "too few requests to say", "5", "5"),
}


def near(said, expected):
    """Percentiles carry an error of 1 %: ×5.0 may be said as ×4.9."""
    kind, what, before, after = said
    if "p95" not in expected[1]:
        return said == expected
    number = r"[\d.]+"
    shape = re.fullmatch(re.escape(expected[1]).replace("5\\.0", number).replace("50", r"\d+"), what)
    return (kind, before, after) == (expected[0], *expected[2:]) and shape is not None


@needs_database
class TestPage:
    def check(self, page):
        assert page.status_code == 200
        rows = rows_of(page)
        assert list(rows) == list(EXPECTED)
        for route, expected in EXPECTED.items():
            assert near(rows[route], expected), (rows[route], expected)
        shown = text(page)
        assert "2 worse, 1 better, 1 about the same, 1 only in the second, 1 only in the first, 1 too few" in shown
        assert "GET /slow changed most: p95" in shown

    def test_two_ranges(self, client, shop):
        self.check(compared(client))
        self.check(compared(client, a="day"))
        self.check(compared(client, a_from="2025-11-10T00:00Z", a_to="2025-11-11T00:00Z"))

    def test_two_versions_the_newest_by_themselves(self, client, shop):
        both = {"from": "2025-11-10T00:00Z"}
        self.check(compared(client, by="release", **both))
        self.check(compared(client, by="release", a="shop 5.1", b="shop 5.2", **both))
        swapped = rows_of(compared(client, by="release", a="shop 5.2", b="shop 5.1", **both))
        assert swapped["/slow"][0] == swapped["/pay"][0] == "better" and swapped["/better"][0] == "worse"
        assert swapped["/gone"][0] == "new"

    def test_two_consumers(self, client, shop):
        page = compared(client, by="consumer", a="acme", b="globex")
        rows = rows_of(page)
        assert {route: row[0] for route, row in rows.items()} == {
            "/pay": "gone", "/better": "gone", "/slow": "new", "/same": "new",
        }  # fmt: skip
        assert rows["/pay"][2] == "300" and rows["/slow"][3] == "500"

    def test_totals_of_both_sides(self, client, shop):
        page = compared(client).content.decode()
        cells = dict(
            (title, (before, after))
            for title, before, after in re.findall(
                r'<tr><th scope="row">([^<]+)</th><td>([^<]*)</td><td>([^<]*)</td>', page
            )
        )
        assert cells["Requests"] == (f"{len(BEFORE):,}", f"{len(AFTER):,}")
        failed = [sum(one["status"] >= 500 for one in side) / len(side) for side in (BEFORE, AFTER)]
        assert cells["Server errors"] == tuple(f"{share:.1%}" for share in failed)
        api = client.get("/api/v1/projects/shop/stats", DAY | {"metrics": "error_rate"}).json()
        assert math.isclose(api["totals"]["error_rate"], failed[1])

    def test_the_first_range_lies_over_the_second(self, client, shop):
        chart = charts(compared(client))["errors"]
        before, after = (one["values"] for one in chart["series"])
        assert len(before) == len(after) == len(chart["time"]) == 24 * 60 * 60 // chart["step"]
        # Both days fail at their beginning only.
        assert before[0] and after[0] and not before[-2] and not after[-2]

    def test_a_longer_first_range_is_said_to_be_cut(self, client, shop):
        longer = {"a_from": "2025-11-09T00:00Z", "a_to": "2025-11-11T00:00Z"}
        assert "as far as that reaches" in text(compared(client, **longer))
        assert "as far as that reaches" not in text(compared(client))

    def test_order_and_filters(self, client, shop):
        assert list(rows_of(compared(client, order="endpoint"))) == sorted(EXPECTED)
        first = rows_of(compared(client, order="-requests"))
        assert next(iter(first)) == "/slow" and list(first)[-1] == "/gone"
        one = rows_of(compared(client, **{"filter.route": "/pay"}))
        assert list(one) == ["/pay"]
        endpoint = Endpoint.objects.get(route="/pay")
        assert f"/endpoints/{endpoint.pk}/" in compared(client).content.decode()

    @pytest.mark.parametrize(
        "state",
        [
            {"by": "service"}, {"a": "month"}, {"order": "p999"}, {"by": "release", "a": "shop 9", "b": "shop 5.2"},
            {"a_from": "yesterday"}, {"a_from": "2025-11-11", "a_to": "2025-11-10"}, {"filter.status": "cats"},
        ],
    )  # fmt: skip
    def test_what_is_not_understood(self, client, shop, state):
        page = compared(client, **state)
        assert page.status_code == 422 and 'role="alert"' in page.content.decode()

    def test_what_was_not_measured_is_said(self, client, shop):
        page = text(client.get("/projects/shop/compare/", {"from": "2025-11-10T00:00Z", "to": "2025-11-11T00:00Z"}))
        assert "of the first range was measured" in page
        assert "of the first range was measured" not in text(compared(client))

    @pytest.mark.parametrize(("by", "said"), [("release", "Two versions"), ("consumer", "Two consumers")])
    def test_nothing_to_compare(self, client, owner, tmp_path, by, said):
        project = create_project("quiet", owner=owner)
        store_hits(project, tmp_path, [hit(1)])
        assert f"{said} of a service are needed" in text(
            client.get(f"/projects/quiet/compare/?by={by}")
        ) or f"{said} are needed" in text(client.get(f"/projects/quiet/compare/?by={by}"))


def side(requests, errors, p95=None):
    return {"requests": requests, "errors": errors, "timed": requests, "p95": p95}


def test_the_sentence_says_what_weighs_most():
    """Half as many errors, and eight times the latency: it is worse, and says why."""
    both = [
        {"endpoint_id": "1", "endpoint": "GET /x", **side(2_000, errors, p95)} for errors, p95 in ((80, 0.1), (40, 0.8))
    ]
    found = differences.differences(*(mock.Mock(rows=[row]) for row in both))
    assert found[0].kind == "worse" and found[0].what == "p95 ×8.0, errors −2.0 points"
    assert differences.sentence(found) == "GET /x changed most: p95 100 ms → 800 ms. Endpoints: 1 worse."


class TestChanges:
    @given(st.integers(FEW, 5_000), st.integers(FEW, 5_000), st.data())
    def test_of_errors_by_the_textbook(self, first, second, data):
        """The pooled two-proportion z statistic, as any textbook has it."""
        x, y = data.draw(st.integers(0, first)), data.draw(st.integers(0, second))
        change = error_change(side(first, x), side(second, y))
        pooled = (x + y) / (first + second)
        spread = pooled * (1 - pooled) * (1 / first + 1 / second)
        difference = y / second - x / first
        z = abs(difference) / math.sqrt(spread) if spread else 0.0
        if abs(abs(difference) - 0.01) > 1e-9 and abs(z - 2) > 1e-9:
            assert (change != 0) == (abs(difference) >= 0.01 and z > 2)
        if change:
            assert math.isclose(change, difference)

    def test_of_p95(self):
        few, enough = FEW_TIMED - 1, FEW_TIMED
        assert latency_change(side(enough, 0, 0.1), side(enough, 0, 0.4)) == pytest.approx(2)
        assert latency_change(side(enough, 0, 0.4), side(enough, 0, 0.1)) == pytest.approx(-2)
        assert latency_change(side(enough, 0, 0.1), side(enough, 0, 0.119)) == 0
        assert latency_change(side(few, 0, 0.1), side(enough, 0, 0.4)) == 0
        assert latency_change(side(enough, 0), side(enough, 0, 0.4)) == 0
