"""Who compacts what was sent, how much at once, and that no acknowledgement depends on it."""

from pathlib import Path

import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.db.models import QuerySet

from endpoint_stats.ingest.live import door as doors
from endpoint_stats.models import Journal
from endpoint_stats.store import compact as compaction
from endpoint_stats.store.compact import compact
from settings.databases import databases
from tests.api.sent import counted, hit, ok

pytestmark = pytest.mark.django_db(databases=["default", "local"])


def test_nothing_depends_on_a_worker(project, send, monkeypatch, settings):
    monkeypatch.setattr(doors, "LOOK", 0)
    settings.JOURNAL_MAX_SECONDS = 0
    for _ in range(40):
        ok(send([hit()]))
        assert Journal.objects.count() <= 3
    assert counted(project) == 40


@pytest.mark.parametrize("error", [OperationalError("locked"), InterfaceError("closed"), ProgrammingError("no table")])
def test_a_key_whose_use_cannot_be_noted_is_acknowledged(project, send, monkeypatch, error):
    def fails(*given, **named):
        raise error

    monkeypatch.setattr(QuerySet, "update", fails)
    ok(send([hit()]))
    monkeypatch.undo()
    assert counted(project) == 1


def test_compaction_takes_fewer_commits_where_their_hits_have_little_in_common(project, send, monkeypatch):
    """How many keys hits come to is known only when they are folded."""
    monkeypatch.setattr(compaction, "KEYS_A_ROUND", 8)
    for number in range(8):
        ok(send([hit(path=f"/{number}{letter}") for letter in "abcdefgh"]))
    rounds = 0
    while (moved := compaction.compact_round(project.pk)) is not None:
        assert 1 <= moved <= 2  # 16 keys at most
        rounds += 1
    assert rounds >= 4
    assert counted(project) == 64


def test_compaction_ends_where_hits_never_cease(project, send, monkeypatch):
    commit = compaction._commit

    def more_come(project_id, prepared):
        ok(send([hit()]))
        return commit(project_id, prepared)

    monkeypatch.setattr(compaction, "_commit", more_come)
    monkeypatch.setattr(compaction, "KEYS_A_ROUND", 2)  # several rounds
    for _ in range(5):
        ok(send([hit()]))
    moved = compact(project.pk)
    left = Journal.objects.filter(project=project).count()
    assert moved >= 5
    assert 1 <= left <= 2, "what came meanwhile is left for the next time"


def test_a_connection_to_sqlite_stays_open():
    """To open one takes longer than a commit."""
    default = databases("", Path("/nowhere"), 1.5)["default"]
    assert default["CONN_MAX_AGE"] is None


@pytest.mark.parametrize("error", [OperationalError("locked"), InterfaceError("closed"), ValueError("a defect")])
def test_a_journal_that_cannot_be_compacted_refuses_nobody(project, send, monkeypatch, error):
    """What was committed is acknowledged, or it would be sent again and count twice."""

    def busy(project_id):
        raise error

    monkeypatch.setattr(doors, "LOOK", 0)
    monkeypatch.setattr(doors, "compact_live", busy)
    ok(send([hit()]))
    ok(send([hit()]))
    assert counted(project) == 2
