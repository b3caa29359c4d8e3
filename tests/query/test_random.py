"""Random hits and random questions: the answer is what counting the hits themselves gives, in every state of the
store: in the journal, compacted, pruned, and with late hits on top."""

import itertools
from datetime import UTC, datetime

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from accounts.services import create_project
from endpoint_stats.models import Journal, ProjectSettings
from endpoint_stats.query.spec import QueryError
from endpoint_stats.store.compact import compact
from endpoint_stats.store.retention import prune
from tests.query.conftest import NOW, ask, store_hits
from tests.query.naive import HEALTH_PATHS, ZEROS, Asked, Store, answer, refusal, said, same

pytestmark = pytest.mark.django_db

FIRST = int(datetime(2025, 3, 28, tzinfo=UTC).timestamp())  # a Friday: weeks begin within the span
DAYS = 5
ROUTES = ("/a", "/orders/{id}", "/files/{path*}", "/b", "/healthz")
# Whole microseconds, and nothing that 1 % could carry over an Apdex threshold.
DURATIONS = (None, 0.0, 0.000001, 0.0004, 0.01, 0.1, 0.25, 0.4, 0.6, 0.9, 1.5, 2.5, 7.0, 3600.0)

seconds = st.one_of(
    st.integers(FIRST, FIRST + DAYS * 86_400 - 1),
    st.integers(0, DAYS * 24).map(lambda hour: min(FIRST + hour * 3600, FIRST + DAYS * 86_400 - 1)),
    st.integers(1, DAYS * 24).map(lambda hour: FIRST + hour * 3600 - 1),
)
hit = st.builds(
    lambda route, **fields: {"route": route, "path": route if route in HEALTH_PATHS else "/x", **fields},
    route=st.sampled_from(ROUTES),
    time=seconds,
    service=st.sampled_from(["shop", "pay"]),
    method=st.sampled_from(["GET", "POST"]),
    status=st.sampled_from([200, 200, 204, 301, 404, 404, 429, 500, 503]),
    duration=st.sampled_from(DURATIONS),
    request_size=st.sampled_from([None, 0, 17]),
    response_size=st.integers(0, 5000),
    consumer=st.sampled_from([None, None, "ada", "bob", "cleo"]),
    version=st.sampled_from([None, "1.0", "1.1"]),
    user_agent=st.sampled_from([None, "curl/8", "Googlebot/2.1"]),
)
hits = st.lists(hit, min_size=1, max_size=50)

METRICS = ("requests", "rate", "errors", "client_errors", "error_rate", "availability", "apdex", "mean", "p50", "p75",
           "p90", "p95", "p99", "p999", "max", "request_bytes", "response_bytes", "consumers", "timed",
           "histogram")  # fmt: skip
GROUPS = ("endpoint", "service", "method", "route", "release", "status", "traffic", "consumer")
VALUES = {
    "endpoint": ("GET /a", "POST /orders/{id}", "GET /healthz", "GET /none"),
    "service": ("shop", "pay", "none"),
    "method": ("GET", "POST"),
    "route": ROUTES,
    "release": ("", "1.0", "1.1", "9"),
    "status": ("200", "404", "4xx", "5xx", "301", "1xx"),
    "traffic": ("normal", "bot", "health"),
    "consumer": ("ada", "bob", "nobody"),
}
# Clocks change within the days of the hits in the first; the second is no whole hours off.
ZONES = ("UTC", "UTC", "Europe/Berlin", "Asia/Kolkata", "America/Sao_Paulo")
filters = st.lists(
    st.sampled_from(GROUPS).flatmap(
        lambda name: st.tuples(
            st.just(name), st.lists(st.sampled_from(VALUES[name]), min_size=1, max_size=2, unique=True).map(tuple)
        )
    ),
    max_size=2,
    unique_by=lambda wanted: wanted[0],
).map(tuple)


@st.composite
def questions(draw):
    """Ranges with ragged edges, of whole hours and of whole days, within the data and past it on both sides."""
    size = draw(st.sampled_from([1, 60, 60, 1440, 1440]))
    first, last = FIRST // 60 - 1440, FIRST // 60 + (DAYS + 1) * 1440
    start = draw(st.integers(first, last - size)) // size * size
    end = draw(st.integers(start + 1, last))
    end = min(max(-(-end // size) * size, start + size), last)
    interval = draw(
        st.sampled_from([0, 0, 5, 15, 60, 360, 1440, 10_080] if end - start < 1440 else [0, 60, 360, 1440, 10_080])
    )
    metrics = tuple(draw(st.lists(st.sampled_from(METRICS), min_size=1, max_size=6, unique=True)))
    groups = tuple(draw(st.lists(st.sampled_from(GROUPS), max_size=3, unique=True)))
    zone = draw(st.sampled_from(ZONES))
    compare = draw(st.sampled_from(["", "", "", "previous", "day", "week"]))
    return Asked(start, end, metrics, groups, interval, draw(filters), zone, compare)


def check(project, asked, store, state):
    note(f"{state}: {asked}")
    code = refusal(asked, store)
    if code:
        with pytest.raises(QueryError) as refused:
            ask(project, asked)
        assert refused.value.code == code
        return
    expected, totals = answer(asked, store)
    result = ask(project, asked)
    found = {}
    for row in result.rows:
        key = (row.get("time"), *(said(row, name) for name in asked.group_by))
        assert key not in found, f"{state}: {key} stands twice"
        found[key] = row
    assert set(found) == set(expected), f"{state}: {asked}"
    for key, values in expected.items():
        for name, value in values.items():
            assert same(name, found[key][name], value), f"{state}: {key} {name}: {found[key][name]}, not {value}"
    for name, value in totals.items():
        assert same(name, result.totals[name], value), f"{state}: total {name}: {result.totals[name]}, not {value}"
    for name in set(asked.metrics) & set(ZEROS) - {"rate", "consumers"}:
        assert sum(row[name] for row in result.rows) == result.totals[name]


SETTINGS = settings(
    max_examples=25,
    deadline=None,
    # An example stores files: making a found one smaller would take minutes. It is printed as it is.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
_numbers = itertools.count()


def new_project(**changes):
    project = create_project(f"random-{next(_numbers)}")
    ProjectSettings.objects.create(project=project, **changes)
    return project


@given(hits, st.lists(questions(), min_size=3, max_size=6))
@SETTINGS
def test_before_and_after_compaction(folder, listed, asked):
    with transaction.atomic():
        project = new_project()
        store = Store()
        for part in (listed[::2], listed[1::2]):
            store_hits(project, folder, part, compacted=False)
            store.hits += part
        assert Journal.objects.filter(project_id=project.pk).exists()
        for question in asked:
            check(project, question, store, "journal")
        compact(project.pk)
        assert not Journal.objects.filter(project_id=project.pk).exists()
        for question in asked:
            check(project, question, store, "compacted")


@given(hits, hits, st.lists(questions(), min_size=3, max_size=6), st.integers(1, 3), st.integers(1, 4))
@SETTINGS
def test_with_floors_raised_and_late_hits(folder, listed, late, asked, minute_days, hour_days):
    with transaction.atomic():
        project = new_project(minute_days=minute_days, hour_days=max(hour_days, minute_days))
        store_hits(project, folder, listed)
        prune(project.pk, NOW)
        newest = max(hit["time"] for hit in listed) // 60
        store = Store(
            list(listed),
            (newest - minute_days * 1440),
            (newest - max(hour_days, minute_days) * 1440) // 60 * 60,
        )
        for question in asked:
            check(project, question, store, "pruned")
        store_hits(project, folder, late, compacted=False)
        store.hits += late
        for question in asked:
            check(project, question, store, "pruned, late hits in the journal")
        compact(project.pk)
        for question in asked:
            check(project, question, store, "pruned, late hits compacted")
