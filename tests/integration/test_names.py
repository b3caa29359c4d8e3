"""Names are remembered once they are committed, and settled only when their row can never become another."""

from typing import Any

import pytest

from endpoint_stats.aggregate.fold import Delta, EndpointName
from endpoint_stats.ids import name_key, uuid7
from endpoint_stats.ingest import ledger
from endpoint_stats.models import Batch, Endpoint, Place, ProjectSettings
from endpoint_stats.routes.rules import OTHER, UNMATCHED
from endpoint_stats.store.append import Counted, Stopped, append
from endpoint_stats.store.names import ProjectNames

pytestmark = pytest.mark.django_db

PAGE = EndpointName("", "GET", "/page")
MISSING = PAGE._replace(missing=1)
MISSING_LATER = PAGE._replace(missing=2)


class Appender:
    """Appends names without any hits, as one import does."""

    def __init__(self, project: Any, stream: int = 1) -> None:
        self.project, self.stream = project, stream
        self.names = ProjectNames(ProjectSettings.objects.get(project=project))
        self.batch = ledger.begin(project, "", "made", "made")
        self.places = 0

    def __call__(self, *endpoints: EndpointName, fails: bool = False) -> list[str]:
        """The routes that get a new row by it."""

        def check(rivals: list[Place]) -> None:
            if fails:
                raise Stopped

        self.places += 1
        place = Place(
            project_id=self.project.pk, id=uuid7(), batch=self.batch.id, stream=self.stream, start=self.places,
            end=self.places + 1, end_node=self.places, lines=1, marks=b"",
        )  # fmt: skip
        resolved = self.names.resolve(Delta(endpoints=list(endpoints)))
        try:
            append(self.batch, place, resolved, Counted(), self.names, check)
        except Stopped:
            assert fails
        return [row.route for row in resolved.new.rows if isinstance(row, Endpoint)]

    def stored(self) -> list[str]:
        return sorted(Endpoint.objects.filter(project=self.project).values_list("route", flat=True))


@pytest.fixture
def added(project: Any) -> Appender:
    return Appender(project)


def test_what_was_not_committed_is_not_known(added: Appender) -> None:
    assert added(PAGE, fails=True) == ["/page"]
    assert added.stored() == []
    assert added(PAGE) == ["/page"]
    assert added.stored() == ["/page"]
    assert added(PAGE) == []


def test_a_404_is_the_pages_own_only_once_the_page_is_committed(added: Appender) -> None:
    """The page and a later 404 of it came in one piece, which was lost: the page may never answer again."""
    added(PAGE, MISSING_LATER, fails=True)
    assert added(MISSING_LATER) == [UNMATCHED]
    assert added.stored() == [UNMATCHED]


def test_a_404_of_no_page_is_not_settled(added: Appender) -> None:
    assert added(MISSING) == [UNMATCHED]
    assert added(MISSING) == []
    assert added(PAGE, MISSING_LATER) == ["/page"]
    assert added.names.resolve(Delta(endpoints=[MISSING])).new.rows == []
    assert added.names.settled[MISSING] == name_key(*PAGE[:3])


def test_past_the_cap_a_lost_piece_takes_no_place(make_project: Any) -> None:
    added = Appender(make_project(endpoint_cap=1))
    other = EndpointName("", "GET", "/other")
    assert added(PAGE, other, fails=True) == ["/page", OTHER]
    assert added(other, PAGE) == ["/other", OTHER]
    assert added.stored() == ["/other", OTHER]
    assert added(PAGE, other) == []


def test_rows_that_another_process_added(added: Appender) -> None:
    beside = Appender(added.project, stream=2)
    assert beside(PAGE) == ["/page"]
    assert added(MISSING) == []
    assert Batch.objects.filter(project=added.project).count() == 2
