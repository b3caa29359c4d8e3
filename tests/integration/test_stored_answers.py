"""Answers from the store: the journal is part of each of them, and percentiles keep their error through every level.
Exact values come from ``sorted`` and plain counting."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from endpoint_stats.aggregate.fold import EndpointName, Hits, fold
from endpoint_stats.ids import uuid7
from endpoint_stats.ingest import importer, ledger
from endpoint_stats.ingest.places import GRID
from endpoint_stats.metrics import METRICS
from endpoint_stats.models import Journal, Place, ProjectSettings
from endpoint_stats.store import compact as compaction
from endpoint_stats.store.append import Counted, append
from endpoint_stats.store.compact import compact
from endpoint_stats.store.names import ProjectNames
from endpoint_stats.store.rollback import roll_back
from tests.integration.lines import START, numbered
from tests.integration.product import ask, check_levels, journal_rows

DAY = 1440
Load = Callable[..., Any]


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
    def test_is_answered_as_if_compacted(self, project: Any, load_into: Load, in_the_journal: None) -> None:
        load_into(project, BY_CONSUMER)
        assert journal_rows(project) > 3
        before = answers(project)
        assert before[0][1]["requests"] == len(BY_CONSUMER)
        assert before[0][1]["errors"] == sum(b'"status": 503' in raw for raw in BY_CONSUMER)
        compact(project.pk)
        assert journal_rows(project) == 0
        assert answers(project) == before

    def test_is_answered_as_if_compacted_when_half_of_it_is(
        self, project: Any, load_into: Load, in_the_journal: None
    ) -> None:
        load_into(project, BY_CONSUMER[:400])
        compact(project.pk)
        load_into(project, BY_CONSUMER)
        before = answers(project)
        assert before[0][1]["requests"] == len(BY_CONSUMER)
        compact(project.pk)
        assert answers(project) == before

    def test_with_a_rollback_in_it_is_answered_as_if_compacted(
        self, project: Any, load_into: Load, in_the_journal: None
    ) -> None:
        """No row for what has no hits any more, neither before nor after."""
        first = load_into(project, BY_CONSUMER[:400])
        load_into(project, BY_CONSUMER)
        compact(project.pk)
        roll_back(first.batch)
        assert Journal.objects.filter(project=project, sign=-1).exists()
        before = answers(project)
        assert before[0][1]["requests"] == 500
        compact(project.pk)
        assert answers(project) == before

    def test_the_data_version_changes_with_every_answer(
        self, exact: Any, load_into: Load, in_the_journal: None
    ) -> None:
        versions = [ask(exact).version]
        outcome = load_into(exact, numbered(300))
        versions.append(ask(exact).version)
        compact(exact.pk)
        versions.append(ask(exact).version)
        roll_back(outcome.batch)
        versions.append(ask(exact).version)
        compact(exact.pk)
        versions.append(ask(exact).version)
        assert len(set(versions)) == len(versions)

    def test_growing_past_its_bound_is_compacted_by_who_appends(
        self, exact: Any, load_into: Load, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        monkeypatch.setattr(importer, "PIECE", GRID)
        settings.JOURNAL_MAX_ROWS = 3
        sizes: list[int] = []
        load_into(exact, numbered(2_500), progress=lambda *_: sizes.append(journal_rows(exact)))
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
def test_durations_of_zero_and_none_at_all(project: Any, load_into: Load) -> None:
    hit = {"time": START.isoformat(), "method": "GET", "path": "/a", "status": 200}
    lines = [json.dumps(hit | {"duration": value}).encode() + b"\n" for value in (0, 0, 0, 0.2, None, None)]
    load_into(project, lines)
    totals = ask(project, metrics=("requests", "p50", "p75", "max", "mean")).totals
    assert totals["requests"] == 6
    assert totals["p50"] == totals["p75"] == 0
    assert totals["max"] == pytest.approx(0.2, rel=0.01)
    assert totals["mean"] == pytest.approx(0.05)
