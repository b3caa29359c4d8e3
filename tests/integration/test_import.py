"""Import: every line becomes one hit, once, whatever file it comes in and however often. Expected numbers come
from plain counting (lines.py)."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from endpoint_stats.ingest import importer, ledger
from endpoint_stats.ingest.places import GRID
from endpoint_stats.models import Batch
from endpoint_stats.store.rollback import roll_back
from tests.integration.lines import access_log, count, join, line, numbered
from tests.integration.product import Files, ask, check_levels, grouped, requests

pytestmark = pytest.mark.django_db

LOG = access_log(10_000)
N = count(LOG).good
HALF = 5_000
KINDS = ("plain", "gzip", "bzip2", "zstd", "frames", "stdin")


class TestNumbers:
    @pytest.fixture(params=["one piece", "small pieces"])
    def imported(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, load: Files) -> Any:
        if request.param == "small pieces":
            monkeypatch.setattr(importer, "PIECE", GRID)
        return load(LOG)

    def test_equal_plain_counting(self, imported: Any, exact: Any) -> None:
        expected = count(LOG)
        assert expected.bad > 50  # the log has lines to refuse
        assert (imported.read, imported.stored, imported.duplicate) == (10_000, N, 0)
        assert sum(imported.rejected.values()) == expected.bad
        assert grouped(exact, "status") == expected.by_status
        assert grouped(exact, "route") == expected.by_path
        assert grouped(exact, "method", "route") == expected.by_route
        assert ask(exact, metrics=("response_bytes",)).totals["response_bytes"] == expected.bytes_sent
        assert imported.endpoints == len(expected.by_route)
        check_levels(exact, N)

    def test_equal_plain_counting_by_time(self, imported: Any, exact: Any) -> None:
        expected = count(LOG)
        first, last = min(expected.by_hour), max(expected.by_hour)
        assert len(expected.by_day) > 1
        start = datetime.fromtimestamp(first * 3600, UTC)
        rows = ask(exact, start=start, end=start + timedelta(hours=last - first + 1), interval=60).rows
        assert [row["requests"] for row in rows] == [expected.by_hour[hour] for hour in range(first, last + 1)]

    def test_errors_are_those_of_the_statuses(self, imported: Any, exact: Any) -> None:
        by_status = count(LOG).by_status
        totals = ask(exact, metrics=("errors", "client_errors")).totals
        assert totals["errors"] == sum(n for status, n in by_status.items() if status >= 500)
        assert totals["client_errors"] == sum(n for status, n in by_status.items() if 400 <= status < 500)

    def test_a_dry_run_counts_and_stores_nothing(self, load: Files, exact: Any) -> None:
        outcome = load(LOG, dry_run=True)
        assert (outcome.stored, outcome.batch) == (N, None)
        assert not Batch.objects.filter(project=exact).exists()
        assert requests(exact) == 0

    def test_rejected_lines_are_shown_with_their_numbers(self, load: Files) -> None:
        lines = numbered(300)
        for at in (7, 150, 299):
            lines[at] = f"garbage number {at}\n".encode()
        assert [sample["line"] for sample in load(lines).samples] == [8, 151, 300]


DOUBLED = LOG + LOG
# What is imported one after another: (lines, stored, duplicate), in lines of LOG counted plainly.
MATRIX = {
    "twice": [(LOG, N, 0), (LOG, 0, 10_000)],
    "first half, then the whole": [(LOG[:HALF], count(LOG[:HALF]).good, 0), (LOG, count(LOG[HALF:]).good, HALF)],
    "doubled": [(DOUBLED, 2 * N, 0)],
    "doubled twice": [(DOUBLED, 2 * N, 0), (DOUBLED, 0, 20_000)],
    "single, then doubled": [(LOG, N, 0), (DOUBLED, N, 10_000)],
    "doubled, then single": [(DOUBLED, 2 * N, 0), (LOG, 0, 10_000)],
    "whole, then its first half": [(LOG, N, 0), (LOG[:HALF], 0, HALF)],
    "grown in steps": [
        (LOG[:end], count(LOG[start:end]).good, start) for start, end in pairwise((0, 3, 71, 72, 2_000, 9_999, 10_000))
    ],
    "shrinking": [(LOG, N, 0), (LOG[:9_999], 0, 9_999), (LOG[:200], 0, 200), (LOG[:1], 0, 1)],
}


@pytest.mark.parametrize("name", MATRIX)
@pytest.mark.parametrize("pieces", ["one piece", "small pieces"])
def test_again_and_again(name: str, pieces: str, load: Files, exact: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if pieces == "small pieces":
        monkeypatch.setattr(importer, "PIECE", 4 * GRID)
    total = 0
    for lines, stored, duplicate in MATRIX[name]:
        outcome = load(lines)
        assert (outcome.stored, outcome.duplicate) == (stored, duplicate)
        total += stored
        assert requests(exact) == total
    check_levels(exact, total)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["twice", "first half, then the whole", "single, then doubled", "doubled, then single"]
)
def test_again_in_every_kind_of_file(
    kind: str, name: str, load: Files, exact: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "PIECE", 8 * GRID)
    load.kind = kind
    for lines, stored, duplicate in MATRIX[name]:
        outcome = load(lines)
        assert (outcome.stored, outcome.duplicate) == (stored, duplicate)
    check_levels(exact, sum(stored for _, stored, _ in MATRIX[name]))


def test_the_kind_of_file_is_not_part_of_its_identity(load: Files, exact: Any, small_pieces: None) -> None:
    """Rotation compresses: yesterday's access.log is today's access.log.1.gz."""
    lines, stored = LOG[:2_000], 0
    for kind in KINDS:
        load.kind = kind
        stored += load(lines).stored
    assert stored == requests(exact) == count(lines).good


def test_the_size_of_pieces_is_not_part_of_its_identity(
    load: Files, exact: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size, end in ((GRID, 1_500), (5 * GRID, 2_200), (3 * GRID, 2_900), (256 * GRID, 3_000), (2 * GRID, 3_000)):
        monkeypatch.setattr(importer, "PIECE", size)
        load(LOG[:end])
        assert requests(exact) == count(LOG[:end]).good


def test_another_service_is_another_log(load: Files, exact: Any) -> None:
    assert load(LOG[:500], service="a").stored == load(LOG[:500], service="b").stored == count(LOG[:500]).good
    assert load(LOG[:500], service="a").stored == 0
    assert grouped(exact, "service") == {"a": count(LOG[:500]).good, "b": count(LOG[:500]).good}


def test_another_project_is_another_log(load: Files, make_exact: Any, tmp_path: Path) -> None:
    other = make_exact()
    load(LOG[:500])
    Files(tmp_path, other)(LOG[:500])
    assert requests(load.project) == requests(other) == count(LOG[:500]).good


def test_files_that_begin_alike_and_differ_later_are_both_counted(load: Files, exact: Any, small_pieces: None) -> None:
    """After a common beginning each goes on with lines of its own. Where they part is known to a grid step."""
    one, other = numbered(1_200), numbered(1_200)
    for at in range(700, 1_200):
        other[at] = other[at].replace(b"/line/", b"/other/")
    load(one)
    outcome = load(other)
    assert 700 - GRID // len(one[0]) <= outcome.duplicate <= 700
    assert outcome.stored == 1_200 - outcome.duplicate
    assert load(one).stored == load(other).stored == 0
    counts = grouped(exact, "route")
    assert all(counts[f"/line/{at}"] == 1 for at in [*range(outcome.duplicate), *range(700, 1_200)])
    assert all(counts[f"/other/{at}"] == 1 for at in range(700, 1_200))


def test_a_line_changed_in_the_middle_is_new_from_there(load: Files, exact: Any, small_pieces: None) -> None:
    changed = numbered(600)
    changed[40] = changed[40].replace(b"/line/40", b"/line/XX")
    load(numbered(600))
    outcome = load(changed)
    assert (outcome.stored, outcome.duplicate) == (560, 40)


class TestEndsWithoutNewline:
    """A last line may not have been written to its end when it was read."""

    LINES = numbered(120)

    def test_stored_then_complete(self, load: Files, exact: Any) -> None:
        whole = join(self.LINES)
        assert load(whole[:-1]).stored == 120
        assert load(whole).stored == 0
        assert requests(exact) == 120

    def test_stored_then_grown(self, load: Files, exact: Any) -> None:
        assert load(join(self.LINES[:60])[:-1]).stored == 60
        assert load(self.LINES).stored == 60
        assert requests(exact) == 120

    def test_rejected_then_completed(self, load: Files, exact: Any) -> None:
        cut = join(self.LINES[:60]) + self.LINES[60][:55]
        outcome = load(cut)
        assert (outcome.stored, sum(outcome.rejected.values())) == (60, 1)
        assert load(self.LINES).stored == 60
        assert requests(exact) == 120

    def test_rejected_twice_then_completed(self, load: Files, exact: Any) -> None:
        for size in (20, 55):
            load(join(self.LINES[:60]) + self.LINES[60][:size])
        load(self.LINES)
        assert requests(exact) == 120

    @pytest.mark.parametrize("place", ["within the first grid step", "after it"])
    def test_cut_anywhere_then_whole(self, place: str, make_exact: Any, tmp_path: Path, small_pieces: None) -> None:
        lines = numbered(220)
        at = 5 if place == "within the first grid step" else 190
        failed = []
        for size in range(1, len(lines[at]), 4):
            project = make_exact()
            cut = Files(tmp_path, project)
            cut(join(lines[:at]) + lines[at][:size])
            cut(lines)
            if grouped(project, "route") != {f"/line/{number}": 1 for number in range(220)}:
                failed.append((lines[at][:size], requests(project)))
        assert failed == []

    @pytest.mark.parametrize("place", ["within the first grid step", "after it"])
    def test_whole_then_cut_anywhere(self, place: str, make_exact: Any, tmp_path: Path, small_pieces: None) -> None:
        lines = numbered(220)
        at = 5 if place == "within the first grid step" else 190
        project = make_exact()
        cut = Files(tmp_path, project)
        cut(lines)
        failed = []
        for size in range(1, len(lines[at]), 4):
            outcome = cut(join(lines[:at]) + lines[at][:size])
            if outcome.stored:
                failed.append((lines[at][:size], outcome.stored))
                roll_back(outcome.batch)
        assert failed == []
        assert requests(project) == 220


def test_overlap_with_another_log_of_the_service_is_named(load: Files, exact: Any) -> None:
    first = load(numbered(2_000))
    other = load([line.replace(b"/line", b"/b") for line in numbered(2_000)])
    assert [batch.id for batch in other.overlaps] == [first.batch]
    assert load(numbered(2_000)).overlaps == []  # stored nothing


def test_batch_of_a_running_import_is_in_the_ledger(load: Files, exact: Any, small_pieces: None) -> None:
    seen: list[tuple[str, int]] = []
    load(numbered(500), progress=lambda *_: seen.append(Batch.objects.values_list("state", "read").get(project=exact)))
    states, reads = zip(*seen, strict=True)
    assert set(states) == {Batch.State.RUNNING}
    assert list(reads) == sorted(reads)
    assert reads[-1] == 500


def test_lines_of_a_log_with_many_equal_lines(load: Files, exact: Any, small_pieces: None) -> None:
    """A log repeats lines truly: a thousand equal ones are a thousand hits, and still known again."""
    equal = [numbered(1)[0]] * 1_000
    assert load(equal[:400]).stored == 400
    assert load(equal).stored == 600
    assert load(equal).stored == 0
    assert load(equal[:999]).stored == 0
    assert requests(exact) == 1_000


def test_ledger_begins_and_ends_without_a_line(exact: Any) -> None:
    batch = ledger.begin(exact, "", "empty.log", "combined")
    ledger.end(batch)
    assert (batch.state, batch.read) == (Batch.State.COMPLETE, 0)


def test_a_line_is_a_line_with_carriage_returns_too(load: Files, exact: Any) -> None:
    lines = [raw[:-1] + b"\r\n" for raw in numbered(50)]
    assert load(lines).stored == 50
    assert grouped(exact, "route") == {f"/line/{at}": 1 for at in range(50)}


def test_hits_too_far_ahead_of_the_clock_are_refused(load: Files, exact: Any) -> None:
    now = timezone.now()
    lines = [line(now + timedelta(minutes=minutes), f"/in/{minutes}") for minutes in (-5, 9, 11, 600)]
    outcome = load(lines, now=now)
    assert outcome.rejected == {"time_future": 2}
    assert grouped(exact, "route") == {"/in/-5": 1, "/in/9": 1}
