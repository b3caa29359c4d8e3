"""The API, the command and the addresses of state: thin, and all of them the same numbers."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services import create_project
from endpoint_stats.metrics import METRICS
from tests.api.conftest import HITS, RANGE, assert_problem, get
from tests.query.conftest import store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])


def test_the_shape_of_an_answer(client, shop):
    response = get(client, metrics="requests,p95", group_by="endpoint", interval="hour", filter__status="200")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    answer = response.json()
    assert list(answer) == ["query", "rows", "totals", "error_bound", "levels", "as_of", "coverage"]
    assert answer["query"] == {
        "project": "shop", "from": RANGE["from"], "to": RANGE["to"], "metrics": ["requests", "p95"],
        "group_by": ["endpoint"], "interval": "hour", "filters": {"status": ["200"]}, "compare": None, "order": None,
        "limit": None, "zone": "UTC",
    }  # fmt: skip
    (row,) = answer["rows"]
    assert set(row) == {"endpoint", "endpoint_id", "service", "method", "route", "time", "requests", "p95"}
    assert (row["endpoint"], row["time"], row["requests"]) == ("GET /a", RANGE["from"], 2)
    assert row["p95"] == pytest.approx(0.1, rel=0.01)
    assert set(answer["totals"]) == {"requests", "p95"}
    assert answer["error_bound"] == 0.01
    assert answer["levels"] == ["hour"]
    assert 0 <= answer["coverage"] <= 1
    as_of = datetime.fromisoformat(answer["as_of"])
    assert abs(as_of - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_defaults(client, shop):
    answer = client.get("/api/v1/projects/shop/stats").json()
    assert answer["query"]["metrics"] == ["requests", "errors", "error_rate", "p50", "p95", "p99"]
    start, end = (datetime.fromisoformat(answer["query"][name]) for name in ("from", "to"))
    assert timedelta(hours=24) <= end - start <= timedelta(hours=24, minutes=1)


def test_every_metric_answers(client, shop):
    answer = get(client, metrics=",".join(METRICS)).json()
    assert set(answer["totals"]) == set(METRICS)
    assert answer["totals"]["consumers"] == 1
    assert answer["totals"]["rate"] == pytest.approx(3 / 3600)


def test_a_filter_may_be_repeated_and_found_by_id(client, shop):
    endpoint_id = get(client, group_by="endpoint").json()["rows"][0]["endpoint_id"]
    assert get(client, filter__endpoint=endpoint_id).json()["totals"]["requests"] == 3
    assert get(client, filter__status=["200", "5xx"]).json()["totals"]["requests"] == 3
    assert get(client, filter__status=["200"], filter__method="POST").json()["totals"]["requests"] == 0


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"metrics": "nonsense"}, "unknown_metric"),
        ({"group_by": "path"}, "unknown_group"),
        ({"filter__path": "/a"}, "unknown_group"),
        ({"filter__": "x"}, "unknown_group"),
        ({"interval": "7m"}, "unknown_interval"),
        ({"from": "soon"}, "bad_time"),
        ({"from": "2025-11-10T14:00:00Z"}, "bad_range"),
        ({"compare": "last"}, "unknown_compare"),
        ({"order": "nonsense"}, "unknown_order"),
        ({"limit": "-1"}, "bad_limit"),
        ({"limit": "x"}, "bad_limit"),
        ({"limit": "²"}, "bad_limit"),
        ({"limit": "9" * 5000}, "bad_limit"),
        ({"filter__status": "²00"}, "unknown_value"),
        ({"filter__status": "2²2"}, "unknown_value"),
        ({"filter__status": "20"}, "unknown_value"),
        ({"filter__traffic": "humans"}, "unknown_value"),
        ({"group_by": "status", "metrics": "mean"}, "unanswerable"),
        ({"from": "1970-01-01", "interval": "minute"}, "too_many_buckets"),
        ({"from": "0001-01-01T00:00:00+23:59"}, "bad_time"),
        ({"from": "9999-12-31T23:59:59-23:59", "to": "9999-12-31T23:59:59Z"}, "bad_time"),
        ({"to": "9999-12-31T23:59:30Z"}, "bad_time"),
        ({"from": "\x00"}, "bad_time"),
        ({"groupby": "route"}, "unknown_parameter"),
        ({"filter": "a"}, "unknown_parameter"),
        ({"filters.status": "200"}, "unknown_parameter"),
    ],
)
def test_what_is_not_understood(client, shop, parameters, code):
    assert_problem(get(client, **parameters), 422, code)


@pytest.mark.parametrize(
    "parameters",
    [
        {"filter__route": "\x00"},
        {"filter__endpoint": "' OR 1=1 --"},
        {"filter__consumer": "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace")},
        {"order": "-time"},
        {"order": "time"},
        {"metrics": ",,requests,"},
        {"limit": "100000"},
        {"from": "0"},
        {"from": "1762776000.5"},
        {"from": "2025-11-10"},
        {"from": "-24h", "to": "now"},
        {"from": "0001-01-01"},
        {"to": "9999-12-31"},
        {"compare": "previous", "from": "0001-01-01", "to": "2025-11-11"},
    ],
)
def test_strange_but_answered_or_refused(client, shop, parameters):
    """Whatever is asked: an answer or a problem with a code, never a failure."""
    response = get(client, **parameters)
    assert response.status_code in (200, 422)
    if response.status_code == 422:
        assert response.json()["code"]


def test_metrics_named_twice(client, shop):
    assert get(client, metrics="requests,requests").json()["totals"] == {"requests": 3}


def test_who_is_not_signed_in_learns_nothing(client, shop):
    for slug in ("shop", "missing"):
        response = get(Client(), slug)
        assert response.status_code in (401, 403)
        assert response["Content-Type"] == "application/problem+json"
        assert response.json()["code"]
        assert "shop" not in response.content.decode()


def test_a_foreign_project_answers_exactly_as_a_missing_one(client, shop):
    create_project("foreign", owner=User.objects.create_user("eve@example.org", "another password"))
    foreign, missing = get(client, "foreign"), get(client, "missing")
    assert_problem(foreign, 404, "not_found")
    assert foreign.content == missing.content
    assert dict(foreign.items()) == dict(missing.items())
    bad = {"metrics": "nonsense", "unknown": "1"}
    assert get(client, "foreign", **bad).content == get(client, "missing", **bad).content


def test_a_database_that_is_away(client, shop, monkeypatch):
    def away(*_):
        raise OperationalError("no route to host 10.1.2.3")

    monkeypatch.setattr("endpoint_stats.query.sql.read", away)
    response = get(client)
    assert "10.1.2.3" not in assert_problem(response, 503, "database_away")["detail"]
    assert int(response["Retry-After"]) > 0


def test_an_account_that_was_ended_sees_nothing(client, shop, owner):
    owner.is_active = False
    owner.save()
    assert get(client).status_code in (401, 403)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_reading_only(client, shop, method):
    assert_problem(getattr(client, method)("/api/v1/projects/shop/stats"), 405, "method_not_allowed")


def test_the_number_of_queries(client, shop, django_assert_max_num_queries):
    """Session, user, project, and the answer itself: it must not grow with rows or metrics."""
    with django_assert_max_num_queries(10):
        assert (
            get(client, metrics="requests,p50,p95,apdex", group_by="endpoint,release", interval="hour").status_code
            == 200
        )


def command(*arguments):
    out = io.StringIO()
    call_command("stats", "--project", "shop", "--from", RANGE["from"], "--to", RANGE["to"], *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ([], {}),
        (["--group-by", "endpoint,status", "--metrics", "p99"], {"group_by": "endpoint,status", "metrics": "p99"}),
        (["--interval", "5m", "--metrics", "requests,rate"], {"interval": "5m", "metrics": "requests,rate"}),
        (["--filter", "status=500", "--filter", "method=GET"], {"filter__status": "500", "filter__method": "GET"}),
        (["--compare", "previous", "--order=-requests", "--limit", "1", "--group-by", "service"],
         {"compare": "previous", "order": "-requests", "limit": "1", "group_by": "service"}),
    ],
)  # fmt: skip
def test_the_command_says_what_the_api_says(client, shop, arguments, parameters):
    said, answered = json.loads(command("--json", *arguments)), get(client, **parameters).json()
    for document in (said, answered):
        assert document.pop("as_of")
    assert said == answered


def test_the_command_as_a_table(shop):
    text = command("--group-by", "endpoint")
    assert "GET /a" in text
    assert "total" in text


def test_relative_times_on_the_command_line(shop):
    out = io.StringIO()
    call_command("stats", "--project", "shop", "--from", "-24h", "--json", stdout=out)
    assert json.loads(out.getvalue())["totals"]["requests"] == 0


@pytest.mark.parametrize("arguments", [["--metrics", "nonsense"], ["--filter", "status"], ["--interval", "7m"]])
def test_the_command_refuses_with_a_sentence(shop, arguments):
    with pytest.raises(CommandError, match=r"\.$") as refused:
        command(*arguments)
    assert refused.value.returncode == 2


def test_the_command_needs_a_project():
    with pytest.raises(CommandError, match="create_project") as refused:
        call_command("stats", "--project", "nowhere", "--from", "-1h")
    assert refused.value.returncode == 2


def test_live():
    response = Client().get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response["Cache-Control"] == "no-store"


def test_ready():
    response = Client().get("/health/ready")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "checks": {"database": "ok", "cache": "ok"}}


def test_ready_says_when_the_database_is_away(monkeypatch):
    from endpoint_stats.api import health

    class Away:
        def cursor(self):
            raise OperationalError("no route to host 10.1.2.3")

    monkeypatch.setattr(health, "connection", Away())
    response = Client().get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "away"
    assert "10.1.2.3" not in response.content.decode()


def test_live_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        Client().get("/health/live")


def test_stats_for_strangers_names_no_project(shop):
    body = Client().get("/stats").json()
    assert body["projects"] == []
    assert {"name", "version", "uptime_seconds", "database"} <= set(body)


def test_stats_for_who_is_signed_in(client, shop, owner, tmp_path):
    create_project("foreign", owner=User.objects.create_user("eve@example.org", "another password"))
    an_hour_ago = (timezone.now() - timedelta(hours=1)).isoformat()
    recent = [hit | {"time": an_hour_ago} for hit in HITS]
    for hit in recent:
        hit["time"] = hit["time"].replace("+00:00", "Z")
    from unittest import mock

    with mock.patch("tests.query.conftest.NOW", timezone.now()):
        store_hits(shop, tmp_path, recent)
    (listed,) = client.get("/stats").json()["projects"]
    assert listed["project"] == "shop"
    assert listed["last_24h"]["requests"] == 3
    assert listed["last_24h"]["errors"] == 1


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/stats"])
def test_state_is_read_only_and_never_cached(path):
    assert Client().get(path)["Cache-Control"] == "no-store"
    assert Client().post(path).status_code == 405
