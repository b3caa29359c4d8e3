"""The admin's first page: how the installation does."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone
from django_q.models import Failure, OrmQ
from django_q.tasks import async_task

from accounts.models import CacheUse, Project, User
from endpoint_stats import __version__
from endpoint_stats.ids import first_id_of
from endpoint_stats.models import Batch, Journal
from endpoint_stats.store import journal
from endpoint_stats.workers import canary, health, scheduler

pytestmark = pytest.mark.django_db(databases=["default", "local"])

NOW = timezone.now().replace(microsecond=0)


@pytest.fixture(autouse=True)
def cache(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.fixture(autouse=True)
def the_page_is_of_the_same_moment(monkeypatch):
    """However long before this test the module was read."""
    monkeypatch.setattr("endpoint_stats.templatetags.health.timezone", SimpleNamespace(now=lambda: NOW))


@pytest.fixture
def alive():
    scheduler.beat(NOW)
    canary.ask(NOW)
    canary.answer(NOW, NOW)


def waits(project, seconds, keys=3):
    """A commit in a project's journal that was written so long ago."""
    id = first_id_of(NOW - timedelta(seconds=seconds))
    Journal.objects.create(project=project, id=id, keys=keys, payload=b"")


def facts(now=NOW):
    return {fact.name: (fact.value, fact.more) for fact in health.health(now).facts}


def test_all_is_well(alive, project):
    found = health.health(NOW)
    assert (found.state, found.sentence) == ("ok", "Everything runs.")
    assert {finding.name for finding in found.findings} == set(
        ("database", "cache", "scheduler", "worker", "queue", "journal", "disk", "alerts")
    )


def test_what_is_wrong_comes_first(alive, make_project):
    for seconds in (0, 10, 100):
        waits(make_project(), seconds)
    found = health.health(NOW)
    assert (found.state, found.sentence) == ("warn", "Everything runs; look at: journal.")
    assert found.findings[0].name == "journal"
    assert sum(finding.name == "journal" for finding in found.findings) == 2, "those that are well share a line"
    waits(make_project(), 1000)
    later = health.health(NOW + timedelta(hours=1))
    assert later.sentence == "Failing: scheduler, journal."
    assert [finding.state for finding in later.findings] == sorted(
        (finding.state for finding in later.findings), key=health.WORST_FIRST.index
    )


def test_the_numbers(alive, make_project):
    first, second = make_project(), make_project()
    Project.objects.filter(pk=second.pk).update(archived=NOW)
    batch = {"name": "key", "source": "hits"}
    Batch.objects.create(project=first, read=12_000, stored=11_000, duplicate=900, started=NOW, **batch)
    Batch.objects.create(project=second, read=345, stored=345, started=NOW - timedelta(hours=23), **batch)
    Batch.objects.create(project=first, read=10**6, stored=10**6, started=NOW - timedelta(hours=25), **batch)
    User.objects.create_user("a@example.org", last_login=NOW)
    grace = User.objects.create_user("b@example.org", last_login=NOW - timedelta(days=2))
    User.objects.create_user("c@example.org", is_active=False)
    CacheUse.objects.create(user=grace, day=NOW.date(), hits=3, misses=1)
    CacheUse.objects.create(user=grace, day=NOW.date() - timedelta(days=30), misses=100)
    async_task("endpoint_stats.workers.tasks.tidy")
    async_task("endpoint_stats.workers.tasks.tidy")
    async_task("endpoint_stats.workers.tasks.tidy")
    waiting = list(OrmQ.objects.order_by("pk"))
    for task, lock in zip(waiting, (NOW - timedelta(minutes=5), NOW, NOW + timedelta(minutes=5)), strict=True):
        OrmQ.objects.filter(pk=task.pk).update(lock=lock)
    for id, stopped in (("a", NOW), ("b", NOW - timedelta(days=3))):
        Failure.objects.create(id=id, name=id, func="f", started=stopped, stopped=stopped, success=False)
    waits(first, 30)
    waits(first, 20)
    waits(second, 5, keys=4)

    found = facts()
    assert found["Received in 24 h"] == ("12.3 k", "11.3 k stored, 900 duplicate, 100 rejected")
    assert found["Projects"] == ("2", "1 archived")
    assert found["Users"] == ("2", "1 signed in within 24 h")
    assert found["Tasks that wait"] == ("2", "the oldest for 5 min, 1 being worked on")
    assert found["Tasks that failed"] == ("1", "in 24 h; 2 are kept")
    assert found["Commits to compact"] == ("3", "10 keys, the oldest for 30 s")
    assert found["Answers from the cache"] == ("75.0%", "3 of 4 in 7 days")
    assert found["Version"][0] == __version__
    assert found["Database"][0].endswith("B")


def test_an_empty_installation(alive):
    found = facts()
    assert found["Received in 24 h"] == ("0", "0 stored, 0 duplicate, 0 rejected")
    assert found["Tasks that wait"] == ("0", "none waits, 0 being worked on")
    assert found["Commits to compact"] == ("0", "0 keys, the oldest for 0 s")
    assert found["Answers from the cache"][0] == "–"


def test_journals_are_read_by_as_many_statements_as_it_takes(make_project, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(journal, "PROJECTS_A_QUERY", 2)
    projects = [make_project() for _ in range(5)]
    for place, project in enumerate(projects):
        waits(project, place)
    with django_assert_num_queries(3) as captured:
        found = journal.lengths([project.pk for project in projects], NOW)
    assert [found[project.pk] for project in projects] == [(1, 3, float(place)) for place in range(5)]
    assert all("project_id" in query["sql"] for query in captured.captured_queries)


def test_the_page_asks_a_bounded_number_of_questions(alive, admin_client, make_project, django_assert_max_num_queries):
    def asked():
        with django_assert_max_num_queries(45) as captured:
            assert admin_client.get("/admin/").status_code == 200
        return len(captured)

    admin_client.get("/admin/")
    waits(make_project(), 1)
    few = asked()
    for _ in range(40):
        waits(make_project(), 100)
    assert asked() == few


def test_the_page(alive, admin_client, make_project):
    waits(make_project("behind"), 100)
    shown = admin_client.get("/admin/").content.decode()
    assert "Everything runs; look at: journal." in shown
    assert "manage.py compact --project behind" in shown
    assert shown.index("look at: ") < shown.index("Recent actions")


def test_for_staff_who_may_see_signs_of_life(make_staff, signed_in, make_project):
    waits(make_project("behind"), 100)
    assert "behind" in signed_in(make_staff("endpoint_stats.view_beat")).get("/admin/").content.decode()
    other = signed_in(make_staff("endpoint_stats.view_endpoint", email="other@example.org")).get("/admin/")
    assert "behind" not in other.content.decode() and "health" not in other.content.decode()
