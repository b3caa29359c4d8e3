"""Rollback: what an import added goes, and nothing else does, in any sequence of imports and rollbacks."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endpoint_stats.ingest import importer
from endpoint_stats.ingest.places import GRID
from endpoint_stats.models import Batch
from endpoint_stats.store.compact import compact
from endpoint_stats.store.rollback import RollbackError, roll_back
from tests.integration.lines import access_log, count, join, numbered
from tests.integration.product import Files, check_levels, grouped, import_file, requests

pytestmark = pytest.mark.django_db

LOG = access_log(3_000)


def counted_by(project: Any, group: str) -> dict[Any, int]:
    """Groups with hits. (That a group without any does not appear at all: test_stored_answers.py.)"""
    return {key: number for key, number in grouped(project, group).items() if number}


class TestRollback:
    @pytest.fixture(autouse=True)
    def _small(self, small_pieces: None) -> None:
        pass

    def test_takes_everything_away_and_lets_it_come_again(self, load: Files, exact: Any) -> None:
        lines = LOG[:3_000]
        for _ in range(2):
            outcome = load(lines)
            assert outcome.stored == requests(exact) == count(lines).good
            roll_back(outcome.batch)
            assert requests(exact) == 0
            compact(exact.pk)
            check_levels(exact, 0)
        assert load(lines).stored == count(lines).good
        assert grouped(exact, "route") == count(lines).by_path

    def test_in_any_order(self, load: Files, exact: Any) -> None:
        half = load(LOG[:1_000])
        whole = load(LOG[:2_000])
        roll_back(half.batch)
        assert counted_by(exact, "route") == count(LOG[1_000:2_000]).by_path
        again = load(LOG[:2_000])
        assert (again.stored, again.duplicate) == (count(LOG[:1_000]).good, 1_000)
        assert grouped(exact, "route") == count(LOG[:2_000]).by_path
        roll_back(whole.batch)
        roll_back(again.batch)
        compact(exact.pk)
        check_levels(exact, 0)

    def test_twice_is_refused(self, load: Files, exact: Any) -> None:
        first, second = load(numbered(50)), load([line.replace(b"/line", b"/b") for line in numbered(50)])
        roll_back(first.batch)
        with pytest.raises(RollbackError, match="already"):
            roll_back(first.batch)
        assert requests(exact) == second.stored == 50

    def test_of_an_unknown_import_is_refused(self, db: None) -> None:
        with pytest.raises(RollbackError, match="no import"):
            roll_back(Batch().id)

    def test_while_it_runs_is_refused(self, load: Files, exact: Any) -> None:
        refused = []

        def progress(*_: object) -> None:
            running = Batch.objects.get(project=exact, state=Batch.State.RUNNING)
            with pytest.raises(RollbackError, match="running") as caught:
                roll_back(running.id)
            refused.append(caught)

        outcome = load(numbered(800), progress=progress)
        assert len(refused) > 3
        assert outcome.stored == requests(exact) == 800

    def test_of_one_that_was_left_behind_stops_it_should_it_live(self, exact: Any, tmp_path: Path) -> None:
        """No heartbeat for minutes: it counts as dead. If it was only asleep, it may not add to what was taken."""
        taken = []

        def progress(*_: object) -> None:
            if not taken:
                rows = Batch.objects.filter(project=exact)
                rows.update(heartbeat=timezone.now() - timedelta(minutes=3))
                taken.append(roll_back(rows.get().id))

        path = tmp_path / "a.log"
        path.write_bytes(join(numbered(800)))
        outcome = import_file(exact, path, progress=progress)
        assert "rolled back" in outcome.error
        assert Batch.objects.get(project=exact).state == Batch.State.ROLLED_BACK
        compact(exact.pk)
        check_levels(exact, 0)
        assert import_file(exact, path).stored == 800

    def test_of_what_still_waits_in_the_journal(self, load: Files, exact: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        kept = load(numbered(100))
        monkeypatch.setattr(importer, "compact", lambda project_id: 0)
        waiting = load([line.replace(b"/line", b"/b") for line in numbered(700)])
        assert requests(exact) == 800
        roll_back(waiting.batch)
        assert requests(exact) == 100
        compact(exact.pk)
        check_levels(exact, kept.stored)

    def test_leaves_the_other_hits_of_the_same_keys(self, load: Files, exact: Any) -> None:
        """Two logs with the same minutes and routes: one leaves, the other's counts stay."""
        first = load(numbered(400), service="")
        other = [line.replace(b"curl", b"wget") for line in numbered(400)]
        second = load(other, service="")
        assert set(grouped(exact, "route").values()) == {2}
        roll_back(first.batch)
        compact(exact.pk)
        assert grouped(exact, "route") == count(other).by_path
        roll_back(second.batch)
        compact(exact.pk)
        check_levels(exact, 0)


# Model: which lines are counted. A step imports a prefix of the log, the whole, or rolls one import back.
LENGTH = 200
steps = st.lists(
    st.one_of(
        st.tuples(st.just("prefix"), st.integers(1, LENGTH)),
        st.tuples(st.just("whole"), st.just(LENGTH)),
        st.tuples(st.just("rollback"), st.integers(0, 9)),
    ),
    min_size=2,
    max_size=9,
)
STEP_LINES = numbered(LENGTH, seconds=20)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, piece=st.sampled_from([GRID, 2 * GRID, 256 * GRID]))
def test_any_sequence_counts_each_line_once(
    steps: list[tuple[str, int]], piece: int, make_exact: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "PIECE", piece)
    project = make_exact()
    counted: set[int] = set()
    imports: list[tuple[Any, set[int]]] = []
    for name, number in steps:
        if name == "rollback":
            if imports:
                batch, lines = imports.pop(number % len(imports))
                roll_back(batch)
                counted -= lines
        else:
            path = tmp_path / "access.log"
            path.write_bytes(join(STEP_LINES[:number]))
            new = set(range(number)) - counted
            outcome = import_file(project, path)
            assert not outcome.error
            assert (outcome.stored, outcome.duplicate) == (len(new), number - len(new))
            imports.append((outcome.batch, new))
            counted |= new
        assert counted_by(project, "route") == {f"/line/{at}": 1 for at in counted}
    compact(project.pk)
    check_levels(project, len(counted))
