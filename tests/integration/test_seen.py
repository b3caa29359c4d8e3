"""When each endpoint, version and consumer was first and last seen, against looking at all hits."""

import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from endpoint_stats.ingest.run import Options, import_path
from endpoint_stats.models import Consumer, Endpoint, Release
from endpoint_stats.store import compact as compaction
from endpoint_stats.store.compact import compact
from endpoint_stats.store.retention import prune
from endpoint_stats.store.rollback import roll_back

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
            assert known(kind) == expected(kind, left)
    assert not known("consumer") and Consumer.objects.filter(project=project).exists()


def test_what_is_pruned_was_seen_all_the_same(make_project: Any, tmp_path: Path) -> None:
    project = make_project(minute_days=1, hour_days=1)
    hits = some_hits(1)
    load(project, tmp_path, hits)
    assert prune(project.pk, timezone.now())
    for kind in KINDS:
        assert known(kind) == expected(kind, hits)
