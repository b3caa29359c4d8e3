"""When each endpoint, version and consumer was first and last seen, against looking at all hits."""

import io
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from endpoint_stats.ingest.run import Options, import_path
from endpoint_stats.models import (
    CONSUMERS,
    HITS,
    Batch,
    CallerHour,
    Consumer,
    Endpoint,
    Release,
    RollupHour,
    RollupMinute,
    StoreState,
    TotalHour,
    TotalMinute,
)
from endpoint_stats.store import compact as compaction
from endpoint_stats.store.compact import compact
from endpoint_stats.store.retention import prune
from endpoint_stats.store.rollback import roll_back
from tests.integration.product import check_levels, grouped, journal_rows, requests, sums_of

pytestmark = pytest.mark.django_db

START = 1_763_000_000 // 86_400 * 1440  # the first minute of a day
DAYS = 3
KINDS = {
    "endpoint": (Endpoint, lambda hit: hit["route"], "route"),
    "release": (Release, lambda hit: hit.get("version"), "version"),
    "consumer": (Consumer, lambda hit: hit.get("consumer"), "name"),
}


def some_hits(seed: int, count: int = 200) -> list[dict[str, Any]]:
    """Each name is seen in a window of its own, so that firsts and lasts differ."""
    chance = random.Random(seed)
    hits = []
    for _ in range(count):
        name = chance.randrange(6)
        minute = START + chance.randrange(name * 300, min(name * 300 + 1700, DAYS * 1440))
        hit = {"time": minute * 60 + chance.random() * 59, "method": "GET", "route": f"/r{name}", "status": 200}
        if name:  # the first names neither
            hit |= {"version": f"1.{chance.randrange(4)}", "consumer": f"c{name}"}
        hits.append(hit)
    return hits


def load(project: Any, folder: Path, hits: list[dict[str, Any]]) -> Any:
    path = folder / f"{len(list(folder.iterdir()))}.ndjson"
    path.write_text("\n".join([f'["{path.name}"]', *map(json.dumps, hits)]) + "\n")
    outcome = import_path(project, str(path), Options(timezone.now(), "shop", "hits", processes=1), io.BytesIO())
    assert outcome.stored == len(hits)
    return outcome


def known(kind: str) -> dict[str, tuple[int, int]]:
    model, _, column = KINDS[kind]
    rows = model.objects.exclude(first_seen=None).values_list(column, "first_seen", "last_seen")
    return {name: (first, last) for name, first, last in rows}


def expected(kind: str, hits: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """Consumers are kept by the hour."""
    size = 60 if kind == "consumer" else 1
    found: dict[str, list[int]] = {}
    for hit in hits:
        name = KINDS[kind][1](hit)
        if name:
            minute = int(hit["time"]) // 60
            found.setdefault(name, []).append(minute - minute % size)
    return {name: (min(minutes), max(minutes)) for name, minutes in found.items()}


@pytest.mark.parametrize("keys_a_round", [40, 30_000])
def test_by_the_times_of_the_hits(
    make_project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys_a_round: int
) -> None:
    monkeypatch.setattr(compaction, "KEYS_A_ROUND", keys_a_round)
    project, hits = make_project(), []
    other = make_project()
    load(other, tmp_path, [{"time": 60, "method": "GET", "route": "/r1", "status": 200, "consumer": "c1"}])
    for seed in range(3):
        more = some_hits(seed)
        load(project, tmp_path, more)
        hits += more
        for kind in KINDS:
            rows = {name: span for name, span in known(kind).items() if name not in ("/r1", "c1")}
            wanted = {name: span for name, span in expected(kind, hits).items() if name not in ("/r1", "c1")}
            assert rows == wanted, kind
    mine = Consumer.objects.get(project=project, name="c1")
    assert (mine.first_seen, mine.last_seen) == expected("consumer", hits)["c1"]


def assert_to_the_hour(found: dict[str, tuple[int, int]], wanted: dict[str, tuple[int, int]]) -> None:
    assert found.keys() == wanted.keys()
    for name, span in found.items():
        for moment, exact in zip(span, wanted[name], strict=True):
            assert moment // 60 == exact // 60, (name, span, wanted[name])


def test_what_a_rollback_takes_away_was_not_seen(make_project: Any, tmp_path: Path) -> None:
    project = make_project()
    parts = [some_hits(seed, 60) for seed in range(4)]
    outcomes = [load(project, tmp_path, part) for part in parts]
    while outcomes:
        roll_back(outcomes.pop(0).batch)
        parts.pop(0)
        compact(project.pk)
        left = [hit for part in parts for hit in part]
        for kind in KINDS:
            assert_to_the_hour(known(kind), expected(kind, left))
    assert not known("consumer") and Consumer.objects.filter(project=project).exists()


def test_who_was_not_touched_by_a_rollback_keeps_the_minute(make_project: Any, tmp_path: Path) -> None:
    project = make_project()
    kept = some_hits(7)
    load(project, tmp_path, kept)
    short = [hit for hit in kept[:30] if hit["route"] != "/r5"]
    other = load(project, tmp_path, [hit | {"status": 201} for hit in short])
    roll_back(other.batch)
    compact(project.pk)
    assert known("endpoint") == expected("endpoint", kept)
    assert known("release") == expected("release", kept)


def test_what_is_pruned_was_seen_all_the_same(make_project: Any, tmp_path: Path) -> None:
    project = make_project(minute_days=1, hour_days=1)
    hits = some_hits(1)
    load(project, tmp_path, hits)
    assert prune(project.pk, timezone.now())
    for kind in KINDS:
        assert known(kind) == expected(kind, hits)


def test_even_after_a_rollback_of_what_came_later(make_project: Any, tmp_path: Path) -> None:
    """Nothing of the first day is kept on any level; what is taken back is of the last."""
    project = make_project(minute_days=1, hour_days=1, day_days=1)
    early = [hit for hit in some_hits(2, 600) if hit["time"] // 60 < START + 1440]
    load(project, tmp_path, early)
    late = [hit | {"time": hit["time"] + 5 * 86_400} for hit in early]
    last = load(project, tmp_path, late)
    assert prune(project.pk, timezone.now())
    roll_back(last.batch)
    compact(project.pk)
    for kind in KINDS:
        found, wanted = known(kind), expected(kind, early)
        assert {name: first for name, (first, _) in found.items()} == {
            name: first for name, (first, _) in wanted.items()
        }
        for name, (_, ends) in found.items():
            assert wanted[name][1] <= ends < START + 5 * 1440, "no later than what was taken back"


def test_where_hours_are_kept_in_part_the_day_is_known(make_project: Any, tmp_path: Path) -> None:
    """After a rollback: of the day in which the hours that are kept begin, the first of them is not the day's first."""
    project = make_project()
    base = {"method": "GET", "route": "/a", "status": 200, "version": "1", "consumer": "c"}
    first = START + 60
    load(project, tmp_path, [base | {"time": (first + at * 60) * 60} for at in range(20)])
    StoreState.objects.filter(project=project).update(hour_floor=START + 600, minute_floor=START + 600)
    for level in (RollupHour, RollupMinute, TotalHour, TotalMinute, CallerHour):
        level.objects.filter(project=project, time__lt=START + 600).delete()
    later = load(project, tmp_path, [base | {"time": (first + 90 * 60 + at) * 60 + 30} for at in range(5)])
    roll_back(later.batch)
    compact(project.pk)
    for kind in KINDS:
        ((begins, ends),) = known(kind).values()
        assert begins in (first, START) and ends == first + 19 * 60


def test_sums_that_an_old_release_left_out(make_project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It compacts without the sums that it does not know; taking that back ends well, and the rest is made anew."""
    project = make_project()
    by_level = compaction._by_level

    def old(*tables: Any) -> Any:
        return [one for one in by_level(*tables) if one[0] in (HITS, CONSUMERS)]

    kept, taken = some_hits(3), some_hits(4)
    with monkeypatch.context() as old_release:
        old_release.setattr(compaction, "_by_level", old)
        load(project, tmp_path, kept)
        last = load(project, tmp_path, taken)
    named = sum("consumer" in hit for hit in kept)
    roll_back(last.batch)
    compact(project.pk)
    assert journal_rows(project) == 0
    call_command("compact", "--rebuild", stdout=io.StringIO())
    sums = sums_of(project)
    assert {sums[name] for name in ("callerhour", "callerday", "consumerhour", "consumerday")} == {named}
    assert grouped(project, "consumer") == Counter(hit["consumer"] for hit in kept if "consumer" in hit)
    assert requests(project) == len(kept)
    roll_back(Batch.objects.get(project=project, state=Batch.State.COMPLETE).id)
    compact(project.pk)
    check_levels(project, 0)
