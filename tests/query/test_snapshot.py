"""Answers come from one state of the database, while it is written to, and follow what was taken back."""

import threading
from contextlib import suppress

import pytest
from django.db import DatabaseError, connection, connections

from endpoint_stats.models import Batch
from endpoint_stats.query import runner, sql
from endpoint_stats.query.journal import data_version
from endpoint_stats.store.compact import compact
from endpoint_stats.store.rollback import roll_back
from tests.query.conftest import ask, store_hits
from tests.query.naive import Asked

START = 29_379_600  # 2025-11-10 12:00 UTC, in minutes
ALL = Asked(START, START + 60, ("requests", "p50"))


def hits(count, **more):
    return [
        {"service": "shop", "method": "GET", "path": "/a", "route": "/a", "status": 200, "duration": 0.1,
         "time": START * 60 + at % 60} | more
        for at in range(count)
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True, databases=["default", "local"])
def test_compaction_between_two_reads_changes_nothing(make_project, tmp_path, monkeypatch):
    """The journal is read first, the rollups later: what moves from one to the other in between counts once."""
    project = make_project()
    store_hits(project, tmp_path, hits(50), compacted=False)
    real, moved = sql.read, []

    def read_after_compaction(*args, **kwargs):
        if not moved:
            worker = threading.Thread(target=compact_elsewhere)
            worker.start()
            worker.join(30)
        return real(*args, **kwargs)

    def compact_elsewhere():
        try:
            moved.append(compact(project.pk))
        finally:
            connections.close_all()

    monkeypatch.setattr(runner.sql, "read", read_after_compaction)
    assert ask(project, ALL).totals["requests"] == 50
    assert moved == [1]
    monkeypatch.undo()
    assert ask(project, ALL).totals["requests"] == 50


@pytest.mark.django_db(transaction=True, databases=["default", "local"])
def test_asking_leaves_no_transaction_open(make_project, tmp_path):
    project = make_project()
    store_hits(project, tmp_path, hits(3))
    ask(project, ALL)
    assert not connection.in_atomic_block
    store_hits(project, tmp_path, hits(2, status=500))
    assert ask(project, ALL).totals["requests"] == 5


@pytest.mark.django_db(transaction=True, databases=["default", "local"])
def test_nothing_is_written_by_who_reads(make_project):
    """PostgreSQL refuses it; SQLite forgets it."""
    project = make_project()
    with suppress(DatabaseError), sql.snapshot(5.0):
        Batch.objects.create(project=project, name="a.log")
    assert not Batch.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("compacted", [True, False])
def test_a_rollback_takes_away_exactly_what_was_added(make_project, tmp_path, compacted):
    project = make_project()
    store_hits(project, tmp_path, hits(7))
    before = ask(project, ALL)
    store_hits(project, tmp_path, hits(30, duration=9.0), compacted=compacted)
    assert ask(project, ALL).totals["requests"] == 37
    batch = Batch.objects.filter(project=project).order_by("-started").first()
    roll_back(batch.id)
    assert ask(project, ALL).totals == before.totals
    compact(project.pk)
    assert ask(project, ALL).totals == before.totals


@pytest.mark.django_db
def test_the_version_changes_with_whatever_changes_the_answer(make_project, tmp_path):
    """And it is the same where the journal is not read for it."""
    project = make_project()
    seen = []

    def changed():
        seen.append(ask(project, ALL).version)
        assert data_version(project.pk) == seen[-1] == ask(project, ALL).version

    changed()
    store_hits(project, tmp_path, hits(2), compacted=False)
    changed()
    store_hits(project, tmp_path, hits(2, status=201), compacted=False)
    changed()
    compact(project.pk)
    changed()
    roll_back(Batch.objects.filter(project=project).first().id)
    changed()
    compact(project.pk)
    changed()
    project.settings.apdex_seconds = 2.5
    project.settings.save()
    changed()
    assert len(set(seen)) == len(seen)


@pytest.mark.django_db
def test_projects_do_not_see_each_other(make_project, tmp_path):
    one, other = make_project(), make_project()
    store_hits(one, tmp_path, hits(3))
    store_hits(other, tmp_path, hits(5), compacted=False)
    everything = Asked(START - 1440, START + 1440, ("requests", "consumers"), ("endpoint",))
    assert [row["requests"] for row in ask(one, everything).rows] == [3]
    assert [row["requests"] for row in ask(other, everything).rows] == [5]


@pytest.mark.django_db
def test_a_project_without_hits(make_project):
    result = ask(make_project(), Asked(START, START + 3, ("requests", "p50", "consumers"), interval=0))
    assert (result.rows, result.totals, result.levels, result.coverage) == (
        [], {"requests": 0, "p50": None, "consumers": 0}, [], 0.0,
    )  # fmt: skip
