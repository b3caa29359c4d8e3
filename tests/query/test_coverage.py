"""Which minutes were observed, to the minute: what imports span, joined where they touch, and only up to now."""

from datetime import timedelta

import pytest

from endpoint_stats.models import Batch
from endpoint_stats.query import sql
from endpoint_stats.query.coverage import covered, spans
from tests.query.conftest import moment

pytestmark = pytest.mark.django_db

START, END = 29_379_600, 29_379_660  # 2025-11-10 12:00 to 13:00 UTC, in minutes


def observed(project, first, last, **more):
    """An import whose hits lie in these minutes; the first at its end, the last at its very beginning."""
    given = {"stored": 2, "state": Batch.State.COMPLETE} | more
    first_hit = moment(first) + timedelta(seconds=59 if last > first else 0)
    Batch.objects.create(project=project, name="a.log", first_hit=first_hit, last_hit=moment(last), **given)


def found(project):
    return spans(sql.read(project.pk, [], span=(START, END)).imports, START, END)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (START - 60, START - 1, []),
        (START - 60, START, [(START, START + 1)]),
        (START, START, [(START, START + 1)]),
        (END - 1, END - 1, [(END - 1, END)]),
        (END - 1, END + 60, [(END - 1, END)]),
        (END, END, []),
        (START - 60, END + 60, [(START, END)]),
    ],
)
def test_at_the_edges_of_the_range(project, first, last, expected):
    observed(project, first, last)
    assert found(project) == expected


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([(5, 8)], [(5, 9), (20, 31)]),
        ([(18, 19)], [(18, 31)]),  # one ends with the minute before the next one begins
        ([(18, 18)], [(18, 19), (20, 31)]),
        ([(22, 25)], [(20, 31)]),  # within it, and over before it
        ([(25, 40), (10, 22)], [(10, 41)]),
    ],
)
def test_imports_that_touch_are_one_stretch(project, others, expected):
    for first, last in [(20, 30), *others]:
        observed(project, START + first, START + last)
    assert found(project) == [(START + first, START + last) for first, last in expected]


def test_what_stored_nothing_or_was_rolled_back_or_is_anothers_observed_nothing(make_project):
    project = make_project()
    observed(project, START, START + 10, stored=0)
    observed(project, START, START + 20, state=Batch.State.ROLLED_BACK)
    observed(make_project(), START, START + 30)
    assert found(project) == []


@pytest.mark.parametrize(
    ("now", "expected"),
    [(START - 1, 0.0), (START, 0.0), (START + 10, 1.0), (START + 40, 0.5), (END, 0.3333), (END + 60, 0.3333)],
)
def test_what_is_still_to_come_does_not_count(now, expected):
    assert covered([(START, START + 20)], moment(START), moment(END), moment(now)) == expected
