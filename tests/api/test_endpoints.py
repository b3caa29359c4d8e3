"""Endpoints, answers that are still true, CSV, and the API's own description."""

import csv
import io
import json
import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver

from accounts.models import User
from accounts.services import create_project
from endpoint_stats.api.renderers import CSVRenderer
from tests.api.conftest import HITS, RANGE, assert_problem, get
from tests.query.conftest import store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])


@pytest.fixture
def many(shop, tmp_path):
    more = [HITS[0] | {"route": f"/many/{at:03}", "method": ("GET", "POST")[at % 2]} for at in range(57)]
    store_hits(shop, tmp_path, [*more, HITS[0] | {"service": "pay", "route": "/pay"}])
    return shop


def follow(client, response):
    while True:
        page = response.json()
        yield from page["results"]
        if not page["next"]:
            return
        parts = urlsplit(page["next"])
        response = client.get(f"{parts.path}?{parts.query}")


class TestEndpoints:
    def test_every_one_once_over_pages(self, client, many):
        found = list(follow(client, get(client, what="endpoints", limit="10")))
        assert len(found) == 59 == len({row["id"] for row in found})
        assert [row["route"] for row in found] == sorted(row["route"] for row in found)
        assert set(found[0]) == {"id", "endpoint", "service", "method", "route", "created"}

    def test_new_ones_between_pages_move_nothing(self, client, many, tmp_path):
        first = get(client, what="endpoints", limit="10").json()
        store_hits(many, tmp_path, [HITS[0] | {"route": "/0-before-all"}])
        parts = urlsplit(first["next"])
        second = client.get(f"{parts.path}?{parts.query}").json()
        assert not {row["id"] for row in first["results"]} & {row["id"] for row in second["results"]}
        assert second["results"][0]["route"] == "/many/009"

    @pytest.mark.parametrize(
        ("asked", "count"),
        [({"search": "many 00"}, 10), ({"search": "post"}, 28), ({"service": "pay"}, 1), ({"method": "POST"}, 28),
         ({"search": "many", "method": "POST"}, 28), ({"search": "nothing such"}, 0), ({"search": "\x00%_"}, 0)],
    )  # fmt: skip
    def test_search_and_filters(self, client, many, asked, count):
        assert len(get(client, what="endpoints", **asked).json()["results"]) == count

    def test_no_statement_more_for_more_of_them(self, client, many, django_assert_max_num_queries):
        with django_assert_max_num_queries(6):
            get(client, what="endpoints", limit="50")

    def test_one(self, client, shop):
        (row,) = get(client, what="endpoints").json()["results"]
        found = get(client, what=f"endpoints/{row['id']}", **RANGE).json()
        assert {name: found[name] for name in row} == row
        assert found["stats"]["totals"]["requests"] == 3
        assert found["stats"]["query"]["filters"] == {"endpoint": [row["id"]]}

    def test_of_another_project_or_nowhere(self, client, shop, tmp_path):
        other = create_project("other", owner=User.objects.create_user("eve@example.org", "another password"))
        store_hits(other, tmp_path, HITS)
        theirs = Client()
        theirs.force_login(User.objects.get(email="eve@example.org"))
        (row,) = get(theirs, "other", "endpoints").json()["results"]
        foreign = get(client, what=f"endpoints/{row['id']}")
        assert_problem(foreign, 404, "not_found")
        assert foreign.content == get(client, what=f"endpoints/{uuid4()}").content
        assert get(client, "other", "endpoints").content == get(client, "missing", "endpoints").content

    @pytest.mark.parametrize("what", ["endpoints", "samples", "metrics"])
    def test_a_parameter_that_does_not_exist(self, client, shop, what):
        assert_problem(get(client, what=what, serach="x"), 422, "unknown_parameter")

    def test_a_cursor_that_is_none(self, client, shop):
        assert_problem(get(client, what="endpoints", cursor="nonsense"), 404, "not_found")


class TestStillTrue:
    def test_not_modified_until_something_changes(self, client, shop, tmp_path):
        first = get(client)
        assert re.fullmatch(r'"[0-9a-f]{32}"', first["ETag"])
        assert first["Cache-Control"] == "private, no-cache"
        assert {"Accept", "Cookie", "Authorization"} <= set(first["Vary"].split(", "))
        again = get(client, headers={"If-None-Match": first["ETag"]})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
        store_hits(shop, tmp_path, HITS[:1])
        changed = get(client, headers={"If-None-Match": first["ETag"]})
        assert changed.status_code == 200
        assert changed["ETag"] != first["ETag"]
        assert changed.json()["totals"]["requests"] == 4

    def test_another_question_another_tag(self, client, shop):
        tags = [
            get(client, **asked)["ETag"]
            for asked in (
                {},
                {"metrics": "p50"},
                {"filter__status": "200"},
                {"interval": "hour"},
                {"zone": "Asia/Tokyo"},
            )
        ]
        assert len(set(tags)) == len(tags)
        as_csv = get(client, headers={"Accept": "text/csv"})
        assert as_csv["ETag"] not in tags

    def test_a_setting_changes_it_too(self, client, shop):
        before = get(client, metrics="apdex")
        shop.settings.apdex_seconds = 0.01
        shop.settings.save()
        after = get(client, metrics="apdex", headers={"If-None-Match": before["ETag"]})
        assert (before.json()["totals"]["apdex"], after.json()["totals"]["apdex"]) == (1.0, 0.0)

    @pytest.mark.parametrize("of_one_endpoint", [False, True])
    def test_as_time_goes_on(self, client, shop, monkeypatch, of_one_endpoint):
        """How much of the range was observed changes with every minute of it that passes, and not after its end."""
        (row,) = get(client, what="endpoints").json()["results"]
        what, asked = (f"endpoints/{row['id']}", RANGE) if of_one_endpoint else ("stats", {})
        end = datetime.fromisoformat(RANGE["to"])
        tags = []
        for minutes in (-30, -29, 0, 1, 60):
            monkeypatch.setattr("django.utils.timezone.now", lambda now=end + timedelta(minutes=minutes): now)
            tags.append(get(client, what=what, **asked)["ETag"])
        assert len(set(tags)) == 3
        assert len(set(tags[2:])) == 1

    def test_one_endpoint(self, client, shop, tmp_path):
        (row,) = get(client, what="endpoints").json()["results"]
        what = f"endpoints/{row['id']}"
        first = get(client, what=what, **RANGE)
        known = {"If-None-Match": first["ETag"]}
        assert get(client, what=what, headers=known, **RANGE).status_code == 304
        assert get(client, what=what, headers=known, **RANGE | {"metrics": "p50"}).status_code == 200
        store_hits(shop, tmp_path, HITS[:1])
        assert get(client, what=what, headers=known, **RANGE).json()["stats"]["totals"]["requests"] == 4

    def test_nothing_is_computed_for_it(self, client, shop, monkeypatch):
        etag = get(client)["ETag"]
        monkeypatch.setattr("endpoint_stats.query.sql.read", None)
        assert get(client, headers={"If-None-Match": etag}).status_code == 304


class TestCSV:
    def rows(self, response):
        assert response["Content-Type"].startswith("text/csv")
        return list(csv.DictReader(io.StringIO(response.content.decode())))

    def test_the_same_numbers(self, client, shop):
        asked = {"group_by": "endpoint,status", "metrics": "requests,p95", "interval": "15m"}
        as_csv = self.rows(get(client, headers={"Accept": "text/csv"}, **asked))
        as_json = get(client, **asked).json()["rows"]
        assert as_csv == [{name: str(value) for name, value in row.items()} for row in as_json]

    def test_nothing_found_has_its_header(self, client, shop):
        response = get(client, headers={"Accept": "text/csv"}, group_by="endpoint", filter__method="PUT")
        assert response.content.decode().splitlines() == ["endpoint,requests,errors,error_rate,p50,p95,p99"]

    def test_names_that_a_spreadsheet_would_run(self, client, shop, tmp_path):
        store_hits(shop, tmp_path, [HITS[0] | {"consumer": "=HYPERLINK(1)"}, HITS[1] | {"consumer": '@a,"b"'}])
        found = self.rows(get(client, headers={"Accept": "text/csv"}, group_by="consumer", metrics="requests"))
        assert {row["consumer"] for row in found} == {"ada", "'=HYPERLINK(1)", '\'@a,"b"'}

    @pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
    def test_whatever_a_formula_may_begin_with(self, first):
        asked = {"group_by": ["consumer"], "interval": None, "metrics": ["rate"]}
        row = {"consumer": f"{first}1+1", "rate": -1.5}
        made = CSVRenderer().render({"query": asked, "rows": [row]}).decode()
        assert list(csv.reader(io.StringIO(made, newline=""))) == [["consumer", "rate"], [f"'{first}1+1", "-1.5"]]

    def test_a_problem_is_one(self, client, shop):
        document = json.loads(get(client, headers={"Accept": "text/csv"}, metrics="nonsense").content)
        assert document["code"] == "unknown_metric"

    def test_what_we_do_not_have(self, client, shop):
        assert get(client, headers={"Accept": "image/png"}).status_code == 406


class TestWhereNoViewAnswers:
    """Programs get a problem, people a page."""

    def test_an_address_that_there_is_not(self, client, shop):
        for path in ("/api/v1/nothing", "/api/v1/projects/shop/endpoints/7"):
            assert_problem(client.get(path), 404, "not_found")
        page = client.get("/nothing")
        assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")

    def test_a_request_that_django_does_not_read(self, client, shop):
        many = "&".join(f"a{at}=1" for at in range(2_000))
        assert_problem(client.get(f"/api/v1/projects/shop/stats?{many}"), 400, "bad_request")
        assert_problem(client.get("/api/v1/projects/shop/stats", headers={"Host": "elsewhere"}), 400, "bad_request")
        page = client.get("/", headers={"Host": "elsewhere"})
        assert (page.status_code, page["Content-Type"]) == (400, "text/html; charset=utf-8")

    def test_a_defect(self, client, shop, monkeypatch):
        def broken(*args, **kwargs):
            raise ZeroDivisionError

        monkeypatch.setattr("endpoint_stats.api.stats.build", broken)
        client.raise_request_exception = False
        assert_problem(get(client), 500, "internal_error")


def leaves(part):
    """Every pattern that leads to a view."""
    for pattern in part.url_patterns:
        if hasattr(pattern, "url_patterns"):
            yield from leaves(pattern)
        else:
            yield pattern


class TestDescription:
    def test_without_a_warning(self, tmp_path):
        path = tmp_path / "schema.json"
        call_command("spectacular", "--file", str(path), "--format", "openapi-json", "--validate", "--fail-on-warn")
        assert json.loads(path.read_text())["openapi"].startswith("3.1")

    def test_everybody_may_read_it_and_it_knows_every_address(self):
        response = Client().get("/api/v1/schema")
        assert response.status_code == 200
        described = set(response.json()["paths"])
        ours = {
            "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
            for pattern in leaves(get_resolver())
            if str(pattern.pattern).startswith(("api/", "otlp/"))
        }
        assert ours - described == {"/api/v1/schema"}
        assert described <= ours

    def test_its_parameters_are_those_that_are_accepted(self, client, shop):
        stats = Client().get("/api/v1/schema").json()["paths"]["/api/v1/projects/{slug}/stats"]["get"]
        named = {one["name"]: one for one in stats["parameters"] if one["in"] == "query"}
        for name, one in named.items():
            schema = one["schema"]
            values = schema.get("enum") or schema.get("items", {}).get("enum") or []
            for value in values:
                response = get(client, **{name.replace(".", "__"): value})
                assert response.status_code in (200, 422), (name, value)
                assert response.status_code == 200 or response.json()["code"] == "unanswerable", response.json()
        assert set(named) >= {"from", "to", "metrics", "group_by", "interval", "compare", "order", "limit", "zone"}
