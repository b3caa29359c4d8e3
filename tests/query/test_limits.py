"""A question has a limit of time and of rows; past them it is refused, says what to ask, and leaves nothing behind."""

import time
from contextlib import nullcontext

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import override_settings

from endpoint_stats.query import sql
from endpoint_stats.query.spec import QueryError
from tests.query.conftest import ask, store_hits
from tests.query.naive import Asked

START = 29_379_600  # 2025-11-10 12:00 UTC, in minutes
BY_MINUTE = Asked(START, START + 60, ("requests", "p50"), ("endpoint",), 1)


def counting(rows):
    numbers = f"SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}"
    return f"WITH RECURSIVE n(i) AS ({numbers}) SELECT count(*) AS counted FROM n"


# Takes many seconds on either database, and ends: a limit that does not work is to fail the test, not to hang it.
ENDLESS = counting(50_000_000)


def endless(project_id, place, each, width):
    """The same as a select of rollups has its columns: place, numbers, bytes."""
    return f"SELECT {place}, counted{', 0' * (width - 1)}, {sql._nothing()} FROM ({ENDLESS}) c"


databases = pytest.mark.django_db(transaction=True, databases=["default", "local"])


def hits(count):
    return [
        {"service": "shop", "method": "GET", "path": "/a", "route": f"/a/{at % 5}", "status": 200, "duration": 0.1,
         "time": START * 60 + at} for at in range(count)
    ]  # fmt: skip


@databases
def test_what_takes_too_long_is_stopped(make_project, tmp_path):
    project = make_project()
    store_hits(project, tmp_path, hits(3))
    begin = time.monotonic()
    too_long = pytest.raises(QueryError, match=r"longer than 0\.3 s")
    with too_long as refused, sql.snapshot(0.3), connection.cursor() as cursor:
        cursor.execute(ENDLESS)
    assert refused.value.code == "time_limit"
    assert time.monotonic() - begin < 5
    assert not connection.in_atomic_block
    assert ask(project, Asked(START, START + 60)).totals["requests"] == 3


@databases
def test_reading_the_rollups_is_stopped(make_project, tmp_path, monkeypatch):
    """They are read over a cursor of their own, whose errors must come to the same."""
    project = make_project()
    store_hits(project, tmp_path, hits(3))
    with monkeypatch.context() as patched, override_settings(QUERY_SECONDS=0.3):
        patched.setattr(sql, "_select", lambda *given: (endless(*given), []))
        with pytest.raises(QueryError, match=r"longer than 0\.3 s") as refused:
            ask(project, BY_MINUTE)
    assert refused.value.code == "time_limit"
    assert ask(project, Asked(START, START + 60)).totals["requests"] == 3


@databases
@pytest.mark.parametrize("within", [nullcontext, transaction.atomic], ids=["alone", "in a transaction"])
def test_the_limit_ends_with_the_question(make_project, within):
    """Nothing stays behind on the connection that would stop what comes later."""
    make_project()
    with within():
        with sql.snapshot(0.05):
            pass
        time.sleep(0.1)
        with connection.cursor() as cursor:
            cursor.execute(counting(1_000_000))
            assert cursor.fetchone() == (1_000_000,)


@databases
def test_another_error_stays_what_it_is(make_project):
    with pytest.raises(DatabaseError), sql.snapshot(5.0), connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")
    assert ask(make_project(), Asked(START, START + 60)).totals["requests"] == 0


@pytest.mark.django_db
def test_more_rows_than_can_be_held(make_project, tmp_path, monkeypatch):
    project = make_project()
    store_hits(project, tmp_path, hits(300))
    assert len(ask(project, BY_MINUTE).rows) == 25
    monkeypatch.setattr(sql, "MAX_READ", 25)
    assert len(ask(project, BY_MINUTE).rows) == 25
    monkeypatch.setattr(sql, "MAX_READ", 24)
    with pytest.raises(QueryError, match="more than 24 rows") as refused:
        ask(project, BY_MINUTE)
    assert refused.value.code == "too_many_rows"
    assert ask(project, Asked(START, START + 60)).totals["requests"] == 300
