"""The store: compaction loses nothing, whoever does it and when, and floors hold. Expected numbers come from plain
counting (lines.py)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from endpoint_stats.ingest.places import GRID
from endpoint_stats.models import Batch, Folded, Place, ProjectSettings, StoreState
from endpoint_stats.query.spec import QueryError
from endpoint_stats.store.compact import compact
from endpoint_stats.store.retention import prune
from endpoint_stats.store.rollback import RollbackError, roll_back
from tests.integration.installation import COMPACT, LEVELS, PROJECT_ID, Installation, finish
from tests.integration.lines import START, access_log, count, join, line
from tests.integration.product import ask, grouped, journal_rows, requests, sums_of

DAY = 1440
Load = Callable[..., Any]


# ---- several workers at once -----------------------------------------------------------------------------------

TWO_THREADS = """
import sys, threading
import django
django.setup()
from django.db import connection
from endpoint_stats.store import compact as compaction
compaction.KEYS_A_ROUND = 60
moved = []

def work():
    moved.append(compaction.compact(int(sys.argv[1])))
    connection.close()

threads = [threading.Thread(target=work) for _ in range(2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(moved), sum(moved))
"""
TWO_PROCESSES = COMPACT.replace(
    "print(", "from endpoint_stats.store import compact as compaction\ncompaction.KEYS_A_ROUND = 60\nprint("
)


@pytest.fixture
def waiting(installation: Installation, tmp_path: Any) -> tuple[Installation, Any, int]:
    """An installation whose journal holds a log in many rows: the import was killed before it compacted."""
    lines = access_log(4_000, seed=3)
    path = tmp_path / "access.log"
    path.write_bytes(join(lines))
    options: dict[str, Any] = {"piece": GRID, "kill_at": "compact.rollups_written"}
    assert installation.run("import_log", str(path), "--project", "shop", "--processes", "1", **options).returncode < 0
    assert installation.levels()["minute"] == 0
    return installation, count(lines), installation.journal()


def test_two_threads_compact_at_once(waiting: tuple[Installation, Any, int]) -> None:
    installation, expected, rows = waiting
    done = installation.run(str(PROJECT_ID), code=TWO_THREADS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2", str(rows)]  # no row by nobody, none by both
    assert installation.by_minute() == expected.by_minute
    assert installation.levels() == dict.fromkeys(LEVELS, expected.good)


def test_two_processes_compact_at_once(waiting: tuple[Installation, Any, int]) -> None:
    installation, expected, rows = waiting
    workers = [installation.start(str(PROJECT_ID), code=TWO_PROCESSES) for _ in range(2)]
    ended = [finish(worker) for worker in workers]
    assert [done.returncode for done in ended] == [0, 0], [done.stderr for done in ended]
    assert sum(int(done.stdout) for done in ended) == rows
    assert installation.by_minute() == expected.by_minute
    assert installation.levels() == dict.fromkeys(LEVELS, expected.good)


def test_compaction_beside_an_import(installation: Installation, tmp_path: Any) -> None:
    lines = access_log(6_000, seed=4)
    path = tmp_path / "access.log"
    path.write_bytes(join(lines))
    importing = installation.start("import_log", str(path), "--project", "shop", "--processes", "1", piece=GRID)
    while importing.poll() is None:
        assert installation.run(str(PROJECT_ID), code=TWO_THREADS).returncode == 0
    done = finish(importing)
    assert done.returncode == 0, done.stderr
    assert installation.by_minute() == count(lines).by_minute
    assert installation.levels() == dict.fromkeys(LEVELS, count(lines).good)


# ---- floors and retention --------------------------------------------------------------------------------------

DAYS = 9
SPREAD = [line(START + timedelta(days=day, minutes=at), f"/r/{at % 4}") for day in range(DAYS) for at in range(60)]
NEWEST = max(minute for minute, _, _ in count(SPREAD).by_minute)


def kept(lines: list[bytes], size: int, floor: int) -> int:
    """How many hits lie in buckets of ``size`` minutes that begin at ``floor`` or later."""
    return sum(n for (minute, _, _), n in count(lines).by_minute.items() if minute - minute % size >= floor)


@pytest.fixture
def pruned(make_exact: Callable[..., Any], load_into: Load) -> Any:
    project = make_exact(minute_days=2, hour_days=5, day_days=None)
    load_into(project, SPREAD)
    prune(project.pk, timezone.now())
    return project


MINUTE_FLOOR = NEWEST - 2 * DAY
HOUR_FLOOR = (NEWEST - 5 * DAY) // 60 * 60


def held(project: Any) -> tuple[int, int, int]:
    found = sums_of(project)
    return found["rollupminute"], found["rolluphour"], found["rollupday"]


@pytest.mark.django_db
class TestRetention:
    def test_counts_back_from_the_newest_hit_not_from_today(self, pruned: Any) -> None:
        assert timezone.now() - START > timedelta(days=30)  # by the calendar nothing would be left
        expected = (kept(SPREAD, 1, MINUTE_FLOOR), kept(SPREAD, 60, HOUR_FLOOR), len(SPREAD))
        assert held(pruned) == expected
        assert 0 < expected[0] < expected[1] < expected[2]

    def test_days_go_where_the_project_says_so(self, make_exact: Callable[..., Any], load_into: Load) -> None:
        project = make_exact(minute_days=1, hour_days=1, day_days=3)
        load_into(project, SPREAD)
        prune(project.pk, timezone.now())
        assert held(project)[2] == kept(SPREAD, DAY, (NEWEST - 3 * DAY) // DAY * DAY)

    def test_again_changes_nothing(self, pruned: Any) -> None:
        before = held(pruned), StoreState.objects.get(project=pruned).revision
        assert prune(pruned.pk, timezone.now()) == 0
        assert (held(pruned), StoreState.objects.get(project=pruned).revision) == before

    def test_a_floor_never_falls(self, pruned: Any) -> None:
        """Longer retention begins now: what was deleted is not there again."""
        ProjectSettings.objects.filter(project=pruned).update(minute_days=300)
        prune(pruned.pk, timezone.now())
        assert StoreState.objects.get(project=pruned).minute_floor == MINUTE_FLOOR

    def test_late_lines_skip_pruned_minutes_and_reach_hours_and_days(self, pruned: Any, load_into: Load) -> None:
        late = [line(START + timedelta(days=day, seconds=7), "/late") for day in range(DAYS)]
        before = held(pruned)
        load_into(pruned, late)
        added = (kept(late, 1, MINUTE_FLOOR), kept(late, 60, HOUR_FLOOR), DAYS)
        assert held(pruned) == tuple(was + more for was, more in zip(before, added, strict=True))
        assert added[0] < added[1] < added[2]
        assert grouped(pruned, "route")["/late"] == DAYS

    def test_late_lines_are_answered_alike_before_and_after_compaction(
        self, pruned: Any, load_into: Load, in_the_journal: None
    ) -> None:
        load_into(pruned, [line(START + timedelta(days=day, seconds=7), "/late") for day in range(DAYS)])
        start = datetime.fromtimestamp(MINUTE_FLOOR * 60, UTC)
        questions: list[dict[str, Any]] = [{}, {"start": start, "end": start + timedelta(days=2), "interval": 1}]
        before = [ask(pruned, "route", **question) for question in questions]
        assert journal_rows(pruned)
        compact(pruned.pk)
        after = [ask(pruned, "route", **question) for question in questions]
        assert [answer.rows for answer in before] == [answer.rows for answer in after]

    def test_what_is_not_kept_is_refused_not_guessed(self, pruned: Any) -> None:
        start = datetime.fromtimestamp(MINUTE_FLOOR * 60, UTC) - timedelta(minutes=3)
        with pytest.raises(QueryError, match="only hours are kept"):
            ask(pruned, start=start, end=start + timedelta(minutes=10))

    def test_rollback_after_prune(self, pruned: Any) -> None:
        roll_back(Batch.objects.get(project=pruned).id)
        assert requests(pruned) == 0
        compact(pruned.pk)
        assert held(pruned) == (0, 0, 0)

    def test_rollback_after_prune_leaves_the_others(self, pruned: Any, load_into: Load) -> None:
        """One of two logs with the same keys leaves; in hours and days the other stays, whole."""
        other = [raw.replace(b"curl", b"wget") for raw in SPREAD]
        first = Batch.objects.get(project=pruned)
        load_into(pruned, other)
        roll_back(first.id)
        compact(pruned.pk)
        assert held(pruned) == (kept(other, 1, MINUTE_FLOOR), kept(other, 60, HOUR_FLOOR), len(other))

    def test_rollback_of_what_is_too_old_is_refused(self, pruned: Any) -> None:
        batch = Batch.objects.get(project=pruned)
        Folded.objects.filter(project=pruned).update(created=timezone.now() - timedelta(days=31))
        prune(pruned.pk, timezone.now())
        with pytest.raises(RollbackError, match="30 days"):
            roll_back(batch.id)
        assert Batch.objects.get(project=pruned).state == Batch.State.COMPLETE
        assert Place.objects.filter(batch=batch.id).exists()
        assert held(pruned)[2] == len(SPREAD)

    def test_an_empty_project(self, exact: Any) -> None:
        assert prune(exact.pk, timezone.now()) == 0
        assert compact(exact.pk) == 0
        assert requests(exact) == 0
