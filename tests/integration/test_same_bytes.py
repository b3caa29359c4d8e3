"""The rollup tables hold the same bytes, whatever the number of processes, the size of the pieces and the moments
of compaction. Numbers and names are compared between runs, so that nothing here needs to know what is right."""

import json
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from endpoint_stats.ingest import coders, encode, importer, memo
from endpoint_stats.ingest.places import GRID
from endpoint_stats.models import Consumer, Endpoint, Release
from endpoint_stats.store import compact as compaction
from tests.integration.lines import START, access_log, join, line
from tests.integration.product import TABLES, import_file, journal_rows, rows_of

MIXED = join(access_log(12_000, seed=7))


def early_and_late_404s() -> bytes:
    """404s of paths that answer later, never, or answered before; far apart, so that pieces fall between them."""
    pick, lines = random.Random(5), []
    paths = [f"/page-{number}" for number in range(60)]
    for at in range(3_000):
        path = pick.choice(paths)
        number = int(path.rpartition("-")[2])
        never, from_line = number % 5 == 0, number * 40
        status = 404 if never or at < from_line or pick.random() < 0.2 else 200
        lines.append(line(START + timedelta(seconds=at), path, status=status))
    return join(lines)


def consumers() -> bytes:
    """Our own NDJSON, with consumers, releases, durations and sizes."""
    pick, lines = random.Random(9), []
    for at in range(6_000):
        hit = {
            "time": (START + timedelta(seconds=at * 2)).isoformat(),
            "service": pick.choice(("shop", "pay")),
            "method": "GET",
            "path": f"/orders/{pick.randint(1, 50)}/{pick.choice('abc')}",
            "status": pick.choice((200, 200, 404, 500)),
            "duration": pick.choice((None, 0, pick.lognormvariate(-3, 1))),
            "request_size": pick.randint(0, 999),
            "response_size": pick.randint(0, 99_999),
            "consumer": pick.choice(("", "mobile", "web", f"partner-{pick.randint(1, 40)}")),
            "version": pick.choice(("", "1.0", "1.1", f"2.{at // 500}")),
            "user_agent": pick.choice(("curl/8", "Googlebot/2.1", "kube-probe/1")),
        }
        lines.append(json.dumps(hit).encode() + b"\n")
    return join(lines)


INPUTS: dict[str, tuple[Callable[[], bytes], dict[str, Any]]] = {
    "as a user gets it": (lambda: MIXED, {}),
    "every path as it stands": (
        lambda: MIXED,
        {"lexical_rules": False, "group_static": False, "group_unmatched": False, "endpoint_cap": 1_000_000},
    ),
    "early 404s": (early_and_late_404s, {}),
    "endpoints past the cap": (lambda: MIXED, {"endpoint_cap": 40, "lexical_rules": False, "group_unmatched": False}),
    "404s and endpoints past the cap": (early_and_late_404s, {"endpoint_cap": 20}),
    "consumers and releases": (consumers, {}),
    "consumers and releases past their caps": (consumers, {"consumer_cap": 7, "release_cap": 4, "endpoint_cap": 30}),
}


def content(project: Any) -> dict[str, list[Any]]:
    """All that the store holds of a project, without what differs between projects by design."""
    assert journal_rows(project) == 0
    found: dict[str, list[Any]] = {table: rows_of(project, table) for table in TABLES}
    names = {Endpoint: ("service", "method", "route"), Release: ("service", "version"), Consumer: ("name",)}
    for model, fields in names.items():
        columns = ("key", *fields, "first_seen", "last_seen")
        rows = model.objects.filter(project=project).order_by("key").values_list(*columns)
        found[model.__name__] = list(rows)
    return found


def first_difference(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> str:
    for table in (*(model.__name__ for model in (Endpoint, Release, Consumer)), *TABLES):
        if one[table] != other[table]:
            only, more = set(one[table]) - set(other[table]), set(other[table]) - set(one[table])
            return f"{table}: {len(only)} rows here only, {len(more)} there only, e.g. {[*only][:2]} and {[*more][:2]}"
    return ""


class Variant:
    """Imports the same input under other circumstances, each time into a project of its own."""

    def __init__(self, make: Callable[..., Any], folder: Path, data: bytes, settings: dict[str, Any]) -> None:
        self.make, self.data, self.settings = make, data, settings
        self.path = folder / "input.log"
        self.path.write_bytes(data)

    def __call__(self, **options: Any) -> dict[str, list[Any]]:
        project = self.make(**self.settings)
        outcome = import_file(project, self.path, **options)
        assert not outcome.error
        assert outcome.stored > 0
        return content(project)


@pytest.fixture(params=INPUTS)
def variant(request: pytest.FixtureRequest, make_project: Callable[..., Any], tmp_path: Path) -> Variant:
    make, settings = INPUTS[request.param]
    return Variant(make_project, tmp_path, make(), settings)


@pytest.mark.django_db
@pytest.mark.parametrize("piece", [GRID, 3 * GRID, 50_000, 1_000])
def test_whatever_the_size_of_pieces(variant: Variant, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if piece == 1_000:
        variant.path.write_bytes(join(variant.data.splitlines(keepends=True)[:1_500]))
    expected = variant()
    monkeypatch.setattr(importer, "PIECE", piece)
    assert first_difference(variant(), expected) == ""


@pytest.mark.django_db
def test_whenever_it_is_compacted(variant: Variant, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "PIECE", 2 * GRID)
    settings.JOURNAL_MAX_ROWS = settings.JOURNAL_MAX_KEYS = 10**9
    at_the_end = variant()
    monkeypatch.setattr(compaction, "KEYS_A_ROUND", 50)
    in_many_rounds = variant()
    settings.JOURNAL_MAX_ROWS = 0
    after_each_commit = variant()
    assert first_difference(in_many_rounds, at_the_end) == ""
    assert first_difference(after_each_commit, at_the_end) == ""


@pytest.mark.django_db
def test_whatever_is_remembered_between_lines(variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "PIECE", 4 * GRID)
    expected = variant()
    monkeypatch.setattr(memo, "MEMO_LIMIT", 20)
    monkeypatch.setattr(encode, "MAX_NAMES", 20)
    monkeypatch.setattr(coders, "MAX_SHAPES", 5)
    monkeypatch.setattr(encode, "BLOCK", 1_000)
    assert first_difference(variant(), expected) == ""


@pytest.mark.django_db
def test_in_two_steps_or_one(variant: Variant) -> None:
    expected = variant()
    project = variant.make(**variant.settings)
    lines = variant.data.splitlines(keepends=True)
    for end in (len(lines) // 3, len(lines)):
        variant.path.write_bytes(join(lines[:end]))
        assert not import_file(project, variant.path).error
    assert first_difference(content(project), expected) == ""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["404s and endpoints past the cap", "consumers and releases past their caps"])
def test_whatever_the_number_of_processes(
    name: str, make_project: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "PIECE", GRID)
    make, settings = INPUTS[name]
    variant = Variant(make_project, tmp_path, make(), settings)
    assert first_difference(variant(processes=2), variant(processes=1)) == ""


@pytest.mark.django_db
def test_a_404_of_a_path_past_the_cap_counts_as_that_path_does(
    make_project: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``/late`` answers once the cap is reached, and is missing later: in the same piece or in another."""
    lines = [line(START + timedelta(seconds=at), f"/first-{at % 3}") for at in range(400)]
    lines[100] = line(START, "/late", status=200)
    lines[390] = line(START, "/late", status=404)
    variant = Variant(make_project, tmp_path, join(lines), {"endpoint_cap": 3, "lexical_rules": False})
    expected = variant()
    monkeypatch.setattr(importer, "PIECE", GRID)
    assert first_difference(variant(), expected) == ""
