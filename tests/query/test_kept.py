"""Results that are kept per user: the same as fresh ones, never stale, and for one user only."""

import dataclasses
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from accounts.models import User
from endpoint_stats.models import ProjectSettings, StoreState
from endpoint_stats.query import sql
from endpoint_stats.query.kept import kept_reading
from endpoint_stats.query.runner import run
from endpoint_stats.query.spec import Query, QueryError
from endpoint_stats.store.compact import compact
from tests.query.conftest import NOW, store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])

START = datetime(2025, 11, 10, tzinfo=UTC)
END = START + timedelta(days=2)
METRICS = ("requests", "rate", "error_rate", "apdex", "mean", "p50", "p99", "max", "request_bytes", "timed")
QUESTIONS = [
    ((), METRICS, 0, "", ()),
    ((), METRICS, 60, "", ()),
    ((), ("requests", "p95"), 1440, "previous", ()),
    (("endpoint",), (*METRICS, "consumers"), 0, "previous", ()),
    (("endpoint", "status"), ("requests",), 60, "", ()),
    (("service", "method"), ("requests", "p50", "max"), 0, "", (("status", ("2xx", "503")),)),
    (("consumer",), ("requests", "p50"), 0, "", ()),
    ((), ("histogram",), 0, "", ()),
]


def hit(minute, route="/a", **more):
    return {
        "service": "shop", "method": "GET", "path": route, "route": route, "status": 200,
        "duration": 0.1 + minute / 1e4, "time": (START + timedelta(minutes=minute)).isoformat(),
        "consumer": f"c{minute % 3}", **more,
    }  # fmt: skip


@pytest.fixture
def shop(make_project, tmp_path):
    project = make_project()
    store_hits(project, tmp_path, [hit(minute, ("/a", "/b/{id}")[minute % 2]) for minute in range(0, 2000, 7)])
    store_hits(project, tmp_path, [hit(700, status=503, duration=None), hit(701, status=404)], compacted=False)
    return project


def queries(project):
    return [
        Query(project.pk, START, END, metrics, groups, interval, filters, compare)
        for groups, metrics, interval, compare, filters in QUESTIONS
    ]


def said(result):
    return dataclasses.asdict(dataclasses.replace(result, query=None)) | {"rows": result.rows}


def test_kept_results_are_the_fresh_ones(shop, owner):
    fresh = [said(run(query, NOW)) for query in queries(shop)]
    for once_more in (False, True):
        with mock.patch.object(sql, "_cursor", side_effect=sql._cursor) as numbers:
            for query, expected in zip(queries(shop), fresh, strict=True):
                with kept_reading(owner, shop.pk) as store:
                    assert said(store.run([query], NOW)[0]) == expected
                    spans = store.spans
        assert numbers.call_count == (0 if once_more else len(fresh))
    assert spans


def test_several_ways_to_ask(shop, owner):
    """The first that can be answered; kept, too."""
    refused = [Query(shop.pk, START, END, ("requests",), interval=1)]
    answered = queries(shop)[:3]
    StoreState.objects.filter(project=shop).update(minute_floor=END.timestamp() // 60)
    with pytest.raises(QueryError):
        run(refused[0], NOW)
    for _ in range(2):
        with kept_reading(owner, shop.pk) as store:
            found = store.run_first([lambda: refused, lambda: answered], NOW)
        assert [said(one) for one in found] == [said(run(query, NOW)) for query in answered]


def test_a_new_hit_is_seen_at_once(shop, owner, tmp_path):
    query = queries(shop)[0]

    def asked(user=owner):
        with kept_reading(user, shop.pk) as store:
            return store.run([query], NOW)[0].totals["requests"]

    before = asked()
    store_hits(shop, tmp_path, [hit(800)], compacted=False)
    assert asked() == before + 1
    compact(shop.pk)
    assert asked() == before + 1


def test_settings_and_minutes_that_matter(shop, owner):
    query = queries(shop)[0]

    def asked(now=NOW):
        with kept_reading(owner, shop.pk) as store:
            return store.run([query], now)[0]

    first = asked()
    ProjectSettings.objects.filter(project=shop).update(apdex_seconds=0.05)
    assert asked().totals["apdex"] != first.totals["apdex"]
    # Coverage counts up to now where now lies within the range; as_of is always that of the question.
    inside = asked(START + timedelta(hours=40))
    assert inside.coverage != asked(START + timedelta(hours=47)).coverage
    later = START + timedelta(hours=40, seconds=30)
    assert asked(later) == dataclasses.replace(inside, as_of=later)


def test_one_users_results_are_not_anothers(shop, owner):
    query = queries(shop)[0]
    other = User.objects.create_user("grace@example.org", "a long password")
    for user in (owner, other, None):
        with mock.patch.object(sql, "_cursor", side_effect=sql._cursor) as numbers:
            with kept_reading(user, shop.pk) as store:
                store.run([query], NOW)
            assert numbers.call_count == 1


def test_what_cannot_be_answered_is_refused_each_time(shop, owner):
    bad = Query(shop.pk, START, END, ("consumers",), interval=1)
    for _ in range(2):
        with kept_reading(owner, shop.pk) as store, pytest.raises(QueryError):
            store.run([bad], NOW)
