"""Late hits at, just above and just below the floor of a level."""

import pytest

from endpoint_stats.query.spec import QueryError
from endpoint_stats.store.compact import compact
from endpoint_stats.store.retention import prune
from tests.query.conftest import NOW, ask, store_hits
from tests.query.naive import Asked

pytestmark = pytest.mark.django_db

NEWEST = 29_379_600 + 17  # 2025-11-10 12:17 UTC
MINUTES = NEWEST - 1440
HOURS = (NEWEST - 2 * 1440) // 60 * 60


def hit(minute):
    return {"service": "shop", "method": "GET", "path": "/a", "route": "/a", "status": 200, "duration": 0.1,
            "time": minute * 60}  # fmt: skip


def requests(project, start, end):
    return ask(project, Asked(start, end)).totals["requests"]


@pytest.mark.parametrize("compacted", [False, True])
def test_floors_are_exact(make_project, tmp_path, compacted):
    project = make_project(minute_days=1, hour_days=2)
    store_hits(project, tmp_path, [hit(NEWEST), hit(MINUTES), hit(MINUTES - 1), hit(HOURS), hit(HOURS - 1)])
    prune(project.pk, NOW)
    late = [MINUTES] * 2 + [MINUTES - 1] * 4 + [HOURS] * 8 + [HOURS - 1] * 16
    store_hits(project, tmp_path, [hit(minute) for minute in late], compacted=False)
    if compacted:
        compact(project.pk)
    assert requests(project, MINUTES, MINUTES + 1) == 3
    assert requests(project, HOURS, HOURS + 60) == 9
    # The hour that holds the floor of minutes, and the day that holds the floor of hours, are whole.
    assert requests(project, MINUTES // 60 * 60, MINUTES // 60 * 60 + 60) == 3 + 5
    day = HOURS // 1440 * 1440
    assert requests(project, day, day + 1440) == 9 + 17
    assert requests(project, day, NEWEST + 1) == 1 + 3 + 5 + 9 + 17
    for start, end in ((MINUTES - 1, MINUTES), (HOURS - 60, HOURS)):
        with pytest.raises(QueryError) as refused:
            requests(project, start, end)
        assert refused.value.code == "not_kept"


@pytest.mark.parametrize("compacted", [False, True])
def test_floors_only_rise(make_project, tmp_path, compacted):
    """Keeping longer than before brings nothing back, and does not pretend to."""
    project = make_project(minute_days=1, hour_days=2)
    store_hits(project, tmp_path, [hit(NEWEST), hit(MINUTES - 1)])
    prune(project.pk, NOW)
    project.settings.minute_days = 30
    project.settings.save()
    prune(project.pk, NOW)
    store_hits(project, tmp_path, [hit(MINUTES - 1)], compacted=compacted)
    with pytest.raises(QueryError) as refused:
        requests(project, MINUTES - 1, MINUTES)
    assert refused.value.code == "not_kept"
    assert requests(project, MINUTES // 60 * 60, MINUTES // 60 * 60 + 60) == 2
