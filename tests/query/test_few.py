"""Rows that are looked up one by one are the rows that reading all of a range finds."""

import pytest

from endpoint_stats.query import answer, sql
from tests.query.conftest import ask, store_hits
from tests.query.naive import Asked

pytestmark = pytest.mark.django_db

START = 29_379_600  # 2025-11-10 12:00 UTC, in minutes
METRICS = ("requests", "errors", "p50", "p95")


def hits(count, first=0):
    return [
        {"service": "shop", "method": "GET", "path": "/a", "route": f"/a/{at % 40}", "status": 200 + at % 2 * 300,
         "duration": 0.001 * (at % 90 + 1), "consumer": ("ada", "bob")[at % 2], "time": (START + first) * 60 + at * 7}
        for at in range(count)
    ]  # fmt: skip


QUESTIONS = [
    Asked(START, START + 180, METRICS, (), 1, (("endpoint", ("GET /a/3",)),)),
    Asked(START + 7, START + 1440, METRICS, ("route",), 60, (("route", ("/a/3", "/a/4")),)),
    Asked(START, START + 1440, METRICS, ("status",), 0, (("endpoint", ("GET /a/3", "GET /a/39")),)),
    Asked(START, START + 1440, ("requests", "p95"), ("endpoint",), 60, (("consumer", ("ada",)),)),
    Asked(START, START + 1440, METRICS, ("consumer",), 0, (("endpoint", ("GET /a/3", "GET /a/4")),)),
    Asked(START, START + 3000, METRICS, ("consumer", "status"), 60, (("route", ("/a/3",)),)),
    Asked(START, START + 1440, METRICS, ("consumer",), 0, (("route", ("/a/3", "/a/4")), ("consumer", ("bob",)))),
]


@pytest.mark.parametrize("asked", QUESTIONS)
def test_one_by_one_or_all(make_project, tmp_path, monkeypatch, asked):
    project = make_project()
    store_hits(project, tmp_path, hits(1200))
    store_hits(project, tmp_path, hits(300, 60), compacted=False)
    real, seen = sql.read, []
    monkeypatch.setattr(
        sql, "read", lambda project_id, reads, *more: seen.extend(reads) or real(project_id, reads, *more)
    )
    found = []
    for handful, many in ((0, 0), (4, 0)):
        monkeypatch.setattr(answer, "HANDFUL", handful)
        monkeypatch.setattr(answer, "MANY", many)
        found.append(ask(project, asked))
    assert [each.few for each in seen] == [False, True]
    assert found[0].rows == found[1].rows
    assert found[0].totals == found[1].totals
    assert found[0].totals["requests"] > 0
