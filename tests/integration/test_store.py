"""The store: compaction loses nothing, floors hold, rollback and journal agree with what was compacted, and
percentiles keep their error through every level. Exact values come from ``sorted`` and plain counting."""

import itertools
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from endpoint_stats.aggregate.fold import EndpointName, Hits, fold
from endpoint_stats.ids import uuid7
from endpoint_stats.ingest import importer, ledger
from endpoint_stats.ingest.places import GRID
from endpoint_stats.metrics import METRICS
from endpoint_stats.models import Batch, Folded, Journal, Place, ProjectSettings, StoreState
from endpoint_stats.query.spec import QueryError
from endpoint_stats.store import compact as compaction
from endpoint_stats.store.append import Counted, append
from endpoint_stats.store.compact import compact
from endpoint_stats.store.names import ProjectNames
from endpoint_stats.store.retention import prune
from endpoint_stats.store.rollback import RollbackError, roll_back
from tests.integration.installation import COMPACT, LEVELS, PROJECT_ID, Installation, finish
from tests.integration.lines import START, access_log, count, join, line, numbered
from tests.integration.product import ask, check_levels, grouped, import_file, journal_rows, requests, sums_of

DAY = 1440
Files = Callable[..., Any]


@pytest.fixture
def load(tmp_path: Any) -> Files:
    numbers = itertools.count(1)

    def load(project: Any, lines: list[bytes], **options: Any) -> Any:
        path = tmp_path / f"{next(numbers)}.log"
        path.write_bytes(join(lines))
        outcome = import_file(project, path, **options)
        assert not outcome.error
        return outcome

    return load


@pytest.fixture
def in_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports leave what they add in the journal."""
    monkeypatch.setattr(importer, "PIECE", GRID)
    monkeypatch.setattr(importer, "compact", lambda project_id: 0)
    monkeypatch.setattr(importer, "compact_when_due", lambda project_id: None)


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
def pruned(make_exact: Callable[..., Any], load: Files) -> Any:
    project = make_exact(minute_days=2, hour_days=5, day_days=None)
    load(project, SPREAD)
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

    def test_days_go_where_the_project_says_so(self, make_exact: Callable[..., Any], load: Files) -> None:
        project = make_exact(minute_days=1, hour_days=1, day_days=3)
        load(project, SPREAD)
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

    def test_late_lines_skip_pruned_minutes_and_reach_hours_and_days(self, pruned: Any, load: Files) -> None:
        late = [line(START + timedelta(days=day, seconds=7), "/late") for day in range(DAYS)]
        before = held(pruned)
        load(pruned, late)
        added = (kept(late, 1, MINUTE_FLOOR), kept(late, 60, HOUR_FLOOR), DAYS)
        assert held(pruned) == tuple(was + more for was, more in zip(before, added, strict=True))
        assert added[0] < added[1] < added[2]
        assert grouped(pruned, "route")["/late"] == DAYS

    def test_late_lines_are_answered_alike_before_and_after_compaction(
        self, pruned: Any, load: Files, in_the_journal: None
    ) -> None:
        load(pruned, [line(START + timedelta(days=day, seconds=7), "/late") for day in range(DAYS)])
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

    def test_rollback_after_prune_leaves_the_others(self, pruned: Any, load: Files) -> None:
        """One of two logs with the same keys leaves; in hours and days the other stays, whole."""
        other = [raw.replace(b"curl", b"wget") for raw in SPREAD]
        first = Batch.objects.get(project=pruned)
        load(pruned, other)
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


# ---- the journal is part of every answer -----------------------------------------------------------------------

BY_CONSUMER = [
    json.dumps(
        {
            "time": (START + timedelta(seconds=at * 20)).isoformat(),
            "method": "GET",
            "path": f"/c/{at % 7}",
            "status": (200, 200, 404, 503)[at % 4],
            "duration": None if at % 5 == 0 else at / 1000,
            "response_size": at,
            "consumer": ("", "mobile", "web")[at % 3],
            "version": ("", "1.0", "1.1")[at // 300],
            "user_agent": ("curl/8", "Googlebot/2.1", "kube-probe/1")[at % 3],
        }
    ).encode()
    + b"\n"
    for at in range(900)
]
EVERY = tuple(METRICS)
BUT_CONSUMERS = tuple(name for name in EVERY if name != "consumers")
HOUR = timedelta(hours=1)
NOON = START.replace(hour=12, minute=0, second=0)
OF_STATUS = ("requests", "errors", "client_errors", "p50", "p95", "max", "apdex")
QUESTIONS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    ((), {"metrics": EVERY}),
    (("endpoint",), {"metrics": EVERY}),
    (("status",), {"metrics": OF_STATUS}),
    (("route", "status"), {"metrics": OF_STATUS}),
    (("traffic",), {"metrics": BUT_CONSUMERS}),
    (("release",), {"metrics": BUT_CONSUMERS}),
    (("consumer",), {"metrics": BUT_CONSUMERS}),
    (("route",), {"filters": (("consumer", ("web",)),), "metrics": BUT_CONSUMERS}),
    (("method",), {"filters": (("status", ("5xx",)),), "metrics": ("requests", "p99")}),
    ((), {"interval": 60, "start": NOON, "end": NOON + timedelta(days=1), "metrics": EVERY}),
    (("route",), {"interval": DAY, "start": NOON - 12 * HOUR, "end": NOON + 36 * HOUR, "metrics": BUT_CONSUMERS}),
    (("route",), {"interval": 5, "start": NOON + 10 * HOUR, "end": NOON + 12 * HOUR, "metrics": BUT_CONSUMERS}),
]  # fmt: skip


def answers(project: Any) -> list[Any]:
    found = [ask(project, *by, **more) for by, more in QUESTIONS]
    return [(result.rows, result.totals, result.error_bound) for result in found]


@pytest.mark.django_db
class TestJournal:
    def test_is_answered_as_if_compacted(self, project: Any, load: Files, in_the_journal: None) -> None:
        load(project, BY_CONSUMER)
        assert journal_rows(project) > 3
        before = answers(project)
        assert before[0][1]["requests"] == len(BY_CONSUMER)
        assert before[0][1]["errors"] == sum(b'"status": 503' in raw for raw in BY_CONSUMER)
        compact(project.pk)
        assert journal_rows(project) == 0
        assert answers(project) == before

    def test_is_answered_as_if_compacted_when_half_of_it_is(
        self, project: Any, load: Files, in_the_journal: None
    ) -> None:
        load(project, BY_CONSUMER[:400])
        compact(project.pk)
        load(project, BY_CONSUMER)
        before = answers(project)
        assert before[0][1]["requests"] == len(BY_CONSUMER)
        compact(project.pk)
        assert answers(project) == before

    def test_with_a_rollback_in_it_is_answered_as_if_compacted(
        self, project: Any, load: Files, in_the_journal: None
    ) -> None:
        """No row for what has no hits any more, neither before nor after."""
        first = load(project, BY_CONSUMER[:400])
        load(project, BY_CONSUMER)
        compact(project.pk)
        roll_back(first.batch)
        assert Journal.objects.filter(project=project, sign=-1).exists()
        before = answers(project)
        assert before[0][1]["requests"] == 500
        compact(project.pk)
        assert answers(project) == before

    def test_the_data_version_changes_with_every_answer(self, exact: Any, load: Files, in_the_journal: None) -> None:
        versions = [ask(exact).version]
        outcome = load(exact, numbered(300))
        versions.append(ask(exact).version)
        compact(exact.pk)
        versions.append(ask(exact).version)
        roll_back(outcome.batch)
        versions.append(ask(exact).version)
        compact(exact.pk)
        versions.append(ask(exact).version)
        assert len(set(versions)) == len(versions)

    def test_growing_past_its_bound_is_compacted_by_who_appends(
        self, exact: Any, load: Files, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        monkeypatch.setattr(importer, "PIECE", GRID)
        settings.JOURNAL_MAX_ROWS = 3
        sizes: list[int] = []
        load(exact, numbered(2_500), progress=lambda *_: sizes.append(journal_rows(exact)))
        assert max(sizes) <= 3
        check_levels(exact, 2_500)


# ---- percentiles -----------------------------------------------------------------------------------------------

QUANTILES = {"p50": "0.5", "p75": "0.75", "p90": "0.9", "p95": "0.95", "p99": "0.99", "p999": "0.999", "max": "1"}
BOUND = 0.01 + 1e-9


def nearest_rank(ordered: list[int], quantile: str) -> float:
    """Seconds at rank ceil(q n) of sorted nanoseconds; exact arithmetic."""
    rank = -((-Fraction(quantile) * len(ordered)) // 1)
    return ordered[max(int(rank), 1) - 1] / 1e9


def durations(kind: str, size: int) -> np.ndarray:
    pick = np.random.default_rng(11)
    if kind == "lognormal":
        seconds = pick.lognormal(-3, 1.2, size)
    elif kind == "bimodal":
        seconds = np.where(pick.random(size) < 0.93, pick.normal(0.004, 0.0005, size), pick.normal(2.5, 0.4, size))
    else:
        seconds = (pick.pareto(1.1, size) + 1) * 0.001
    return np.clip(seconds * 1e9, 0, 29 * 86_400 * 1e9).astype(np.int64)


def store_in_chunks(project: Any, seconds: np.ndarray, nanoseconds: np.ndarray, chunks: int, seed: int) -> None:
    """Fold and append in ``chunks`` chunks of random sizes, hits and chunks in random order; compact now and then."""
    pick = np.random.default_rng(seed)
    order = pick.permutation(len(seconds))
    cuts = np.sort(pick.choice(np.arange(1, len(seconds)), chunks - 1, replace=False))
    batch = ledger.begin(project, "", "made", "made")
    names = ProjectNames(ProjectSettings.objects.get(project=project))
    for number, part in enumerate(np.split(order, cuts)):
        none, ones = np.zeros(len(part), np.int64), np.ones(len(part), np.int64)
        hits = Hits(seconds[part], none, ones * 200, nanoseconds[part], none, none, none, none, none, none)
        delta = fold(hits, [EndpointName("", "GET", "/timed")], [("", "")], [""])
        place = Place(
            project_id=project.pk, id=uuid7(), batch=batch.id, stream=1, start=number, end=number + 1, end_node=number,
            lines=len(part), marks=b"",
        )  # fmt: skip
        append(batch, place, names.resolve(delta), Counted(len(part), len(part)), names, lambda rivals: None)
        if pick.random() < 0.2:
            compact(project.pk)
    compact(project.pk)
    ledger.end(batch)


def check_percentiles(project: Any, seconds: np.ndarray, nanoseconds: np.ndarray, size: int) -> None:
    """Every bucket of ``size`` minutes: each percentile within 1 % of the exact one, and n exact."""
    start = datetime.fromtimestamp(int(seconds.min()) // (size * 60) * size * 60, UTC)
    end = datetime.fromtimestamp(-(-(int(seconds.max()) + 1) // (size * 60)) * size * 60, UTC)
    metrics = ("requests", *QUANTILES)
    result = ask(project, metrics=metrics, interval=size, start=start, end=end)
    buckets = seconds // (size * 60)
    order = np.argsort(buckets)
    names, first = np.unique(buckets[order], return_index=True)
    parts = np.split(nanoseconds[order], first[1:])
    by_bucket = {int(name): sorted(part.tolist()) for name, part in zip(names, parts, strict=True)}
    for row in result.rows:
        ordered = by_bucket.get(int(datetime.fromisoformat(row["time"]).timestamp()) // (size * 60), [])
        assert row["requests"] == len(ordered)
        for name, quantile in QUANTILES.items():
            if ordered:
                exact = nearest_rank(ordered, quantile)
                assert abs(row[name] - exact) <= BOUND * exact, (name, row, exact)
            else:
                assert row[name] is None
    whole = sorted(nanoseconds.tolist())
    for name, quantile in QUANTILES.items():
        exact = nearest_rank(whole, quantile)
        assert abs(result.totals[name] - exact) <= BOUND * exact, (name, result.totals, exact)
    assert result.error_bound == 0.01


@pytest.mark.django_db
@pytest.mark.parametrize(("size", "chunks"), [(200_000, 40), (1_000_000, 12)], ids=["200k", "1M"])
@pytest.mark.parametrize("kind", ["lognormal", "bimodal", "pareto"])
def test_percentiles_keep_their_error_at_every_level(
    kind: str, size: int, chunks: int, make_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two days with a busy hour, so that minutes hold few and many."""
    nanoseconds = durations(kind, size)
    pick = np.random.default_rng(12)
    begin = int(START.timestamp()) // 60 * 60
    seconds = begin + np.where(
        pick.random(size) < 0.5, pick.integers(0, 3_600, size), pick.integers(0, 2 * 86_400, size)
    )
    project = make_project(lexical_rules=False)
    monkeypatch.setattr(compaction, "KEYS_A_ROUND", random.Random(kind).choice((1, 5_000)))
    store_in_chunks(project, seconds, nanoseconds, chunks, seed=13)
    for minutes in (1, 60, DAY):
        check_percentiles(project, seconds, nanoseconds, minutes)


@pytest.mark.django_db
def test_durations_of_zero_and_none_at_all(project: Any, load: Files) -> None:
    hit = {"time": START.isoformat(), "method": "GET", "path": "/a", "status": 200}
    lines = [json.dumps(hit | {"duration": value}).encode() + b"\n" for value in (0, 0, 0, 0.2, None, None)]
    load(project, lines)
    totals = ask(project, metrics=("requests", "p50", "p75", "max", "mean")).totals
    assert totals["requests"] == 6
    assert totals["p50"] == totals["p75"] == 0
    assert totals["max"] == pytest.approx(0.2, rel=0.01)
    assert totals["mean"] == pytest.approx(0.05)
