"""Windows that overlap: each bucket says what a question about its window alone says, counted from the hits."""

import random
from itertools import product

import pytest

from accounts.services import create_project
from endpoint_stats.models import ProjectSettings
from endpoint_stats.query.spec import Query, QueryError
from endpoint_stats.store.compact import compact
from tests.query.conftest import ask, moment, store_hits
from tests.query.naive import Asked, Store, answer, iso, said, same
from tests.query.test_random import FIRST, METRICS, ROUTES

pytestmark = pytest.mark.django_db

START = FIRST // 60
MEASURED = tuple(name for name in METRICS if name not in ("consumers", "histogram"))


def some_hits(seed, count=600, minutes=600):
    draw = random.Random(seed)
    return [
        {
            "time": FIRST + draw.randrange(minutes * 60), "service": draw.choice(("shop", "pay")), "method": "GET",
            "route": draw.choice(ROUTES[:3]), "path": "/x", "status": draw.choice((200, 200, 404, 500)),
            "duration": draw.choice((None, 0.01, 0.1, 0.4, 2.5)), "response_size": draw.randrange(5000),
            "consumer": draw.choice((None, "ada", "bob")), "version": draw.choice(("1.0", "1.1")),
        }
        for _ in range(count)
    ]  # fmt: skip


@pytest.fixture
def stored(folder):
    """Half of the hits compacted, half of them waiting in the journal."""
    project = create_project("shop")
    ProjectSettings.objects.create(project=project)
    hits = some_hits(1)
    store_hits(project, folder, hits[:300])
    compact(project.pk)
    store_hits(project, folder, hits[300:], compacted=False)
    return project, Store(hits)


ASKED = [
    (1, 5, MEASURED, ()), (1, 5, ("p95", "requests"), ("endpoint",)), (5, 60, MEASURED, ("service",)),
    (60, 360, MEASURED, ("release",)), (60, 120, ("requests", "p99"), ("consumer",)), (15, 15, ("rate",), ()),
    (5, 30, ("requests", "error_rate"), ("status",)), (60, 180, ("consumers", "requests"), ("endpoint",)),
]  # fmt: skip


@pytest.mark.parametrize(("interval", "window", "metrics", "groups"), ASKED)
def test_each_bucket_is_its_window(stored, interval, window, metrics, groups):
    project, store = stored
    metrics = tuple(name for name in metrics if not (groups == ("status",) and name == "mean"))
    asked = Asked(START + 120, START + 780, metrics, groups, interval)
    rows = ask(project, asked, window=window).rows
    found = {(row["time"], *(said(row, name) for name in groups)): row for row in rows}
    assert len(found) == len(rows)
    expected = {}
    for end in range(asked.start + interval, asked.end + 1, interval):
        of_window, _ = answer(Asked(end - window, end, metrics, groups), store)
        for key, row in of_window.items():
            expected[iso(end - interval), *key[1:]] = row
    told = {key for key, row in expected.items() if row.get("requests", 1)}
    assert told, "nothing is compared"
    if groups:
        assert set(found) == set(expected)
    else:
        assert len(found) == 660 // interval, "each bucket is there, the empty ones too"
    for key, row in expected.items():
        for name, value in row.items():
            assert same(name, found[key][name], value), f"{key} {name}: {found[key][name]}, not {value}"


def test_it_equals_a_question_about_one_window(stored):
    """To the last digit, since a rule is tried on the past by the one and runs by the other."""
    project, _ = stored
    series = ask(project, Asked(START, START + 600, MEASURED, ("endpoint",), 5), window=60)
    by_time = {}
    for row in series.rows:
        by_time.setdefault(row["time"], []).append({name: value for name, value in row.items() if name != "time"})
    assert not series.totals
    for end, filters in product((START + 60, START + 305, START + 600), ((), (("service", ("shop",)),))):
        alone = ask(project, Asked(end - 60, end, MEASURED, ("endpoint",), filters=filters))
        wanted = [row for row in by_time[iso(end - 5)] if not filters or row["service"] == "shop"]
        key = lambda row: row["endpoint_id"]  # noqa: E731
        assert sorted(alone.rows, key=key) == sorted(wanted, key=key)


@pytest.mark.parametrize(
    "bad",
    [
        {"interval": 5, "window": 7}, {"interval": 0, "window": 5}, {"interval": 360, "window": 720},
        {"interval": 5, "window": 5 * 289}, {"interval": 5, "window": 10, "compare": "day"},
        {"interval": 7, "window": 14},
    ],
)  # fmt: skip
def test_what_is_no_window(bad):
    with pytest.raises(QueryError) as refused:
        Query(1, moment(START), moment(START + 600), **bad)
    assert refused.value.code == "bad_window"
