"""The operations side: what is due is enqueued once, a dead worker is noticed, and the doctor says what is wrong."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django_q.models import OrmQ

from accounts.models import User
from endpoint_stats.ids import first_id_of
from endpoint_stats.models import Beat, JobRun, Journal, ProjectSettings, StoreState
from endpoint_stats.store import journal
from endpoint_stats.workers import canary, doctor, holds, jobs, scheduler, tasks
from endpoint_stats.workers.jobs import Job
from tests.integration.installation import finish

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def only_jobs(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Replaces the registry by the jobs that it is called with."""

    def use(*chosen: Job) -> None:
        monkeypatch.setattr(jobs, "_jobs", {})
        for job in chosen:
            jobs.register(job)

    return use


def queued() -> list[tuple[str, dict[str, Any]]]:
    return [(row.task["func"], row.task["kwargs"]) for row in OrmQ.objects.order_by("id")]


_numbers = itertools.count()


def add_journal_row(project: Any) -> None:
    """Of before NOW: a journal is left to grow for a moment."""
    id = UUID(int=first_id_of(NOW - timedelta(minutes=1)).int + next(_numbers))
    Journal.objects.create(project=project, id=id, keys=1, payload=b"")


COMPACT = Job(
    "compact",
    2 * SECOND,
    "endpoint_stats.workers.tasks.compact_project",
    "endpoint_stats.workers.tasks.projects_to_compact",
)


class TestRegistry:
    def test_the_core_registers_its_own(self) -> None:
        found = {job.name: job.every for job in jobs.registered()}
        assert found["compact"] == 2 * SECOND
        assert found["prune"] == timedelta(hours=6)
        assert found["canary"] == 30 * SECOND
        assert found["purge"] == timedelta(hours=1)
        assert found["tidy"] == timedelta(hours=1)

    def test_twice_is_once_and_another_under_the_same_name_is_refused(self, only_jobs: Any) -> None:
        only_jobs(COMPACT, COMPACT)
        assert jobs.registered() == (COMPACT,)
        with pytest.raises(ValueError, match="Another job"):
            jobs.register(Job("compact", 3 * SECOND, "x.y"))

    @pytest.mark.parametrize(("name", "every"), [("", SECOND), ("a:b", SECOND), ("a", SECOND / 2), ("x" * 31, SECOND)])
    def test_what_cannot_work_is_refused(self, only_jobs: Any, name: str, every: timedelta) -> None:
        with pytest.raises(ValueError, match=r"name|second"):
            jobs.register(Job(name, every, "x.y"))


@pytest.mark.django_db
class TestStep:
    def test_a_job_is_due_at_once_and_then_in_step(self, only_jobs: Any) -> None:
        only_jobs(Job("tick", 10 * SECOND, "endpoint_stats.workers.tasks.answer_canary"))
        counts = []
        for seconds in range(21):
            counts.append(scheduler.step(NOW + seconds * SECOND))
            OrmQ.objects.all().delete()
            holds.release("tick:")
        assert [at for at, count in enumerate(counts) if count] == [0, 10, 20]

    def test_missed_runs_are_not_made_up_for(self, only_jobs: Any) -> None:
        only_jobs(Job("tick", 10 * SECOND, "x.y"))
        scheduler.step(NOW)
        holds.release("tick:")
        assert scheduler.step(NOW + timedelta(hours=1)) == 1
        holds.release("tick:")
        assert scheduler.step(NOW + timedelta(hours=1, seconds=5)) == 0

    def test_one_task_for_each_project_that_has_a_journal(self, only_jobs: Any, make_project: Any) -> None:
        only_jobs(COMPACT)
        first, _idle, third = make_project(), make_project(), make_project()
        for project in (third, first, first):
            add_journal_row(project)
        scheduler.step(NOW)
        name = "endpoint_stats.workers.tasks.compact_project"
        assert queued() == [(name, {"project_id": first.pk}), (name, {"project_id": third.pk})]

    def test_a_task_that_did_not_end_is_not_enqueued_again(self, only_jobs: Any, project: Any) -> None:
        only_jobs(COMPACT)
        add_journal_row(project)
        assert scheduler.step(NOW) == 1
        assert scheduler.step(NOW + 2 * SECOND) == 0
        canary.after_task({"group": f"compact:{project.pk}"})
        assert scheduler.step(NOW + 4 * SECOND) == 1
        lost = NOW + 4 * SECOND + holds.EXPIRES
        assert scheduler.step(lost + SECOND) == 1, "a task that was lost must not stop compaction for ever"

    def test_nothing_is_added_to_a_queue_that_does_not_move(
        self, only_jobs: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        only_jobs(Job("tick", SECOND, "x.y"))
        monkeypatch.setattr(scheduler, "MAX_QUEUED", 1)
        OrmQ.objects.create(key="endpoint-stats", payload="", lock=NOW)
        assert scheduler.step(NOW) == 0
        assert "Runbook.md" in caplog.text
        OrmQ.objects.all().delete()
        assert scheduler.step(NOW + SECOND) == 1

    def test_a_job_with_a_defect_harms_no_other(self, only_jobs: Any, caplog: pytest.LogCaptureFixture) -> None:
        only_jobs(Job("broken", SECOND, "x.y", "no.such.function"), Job("tick", SECOND, "x.y"))
        assert scheduler.step(NOW) == 1
        assert "broken could not be enqueued" in caplog.text
        caplog.clear()
        assert scheduler.step(NOW + 30 * SECOND) == 0  # "tick" is held, "broken" rests
        assert not caplog.text
        scheduler.step(NOW + 61 * SECOND)
        assert "broken could not be enqueued" in caplog.text

    def test_holds_of_lost_tasks_are_forgotten(self) -> None:
        JobRun.objects.create(name="compact:1", due=NOW - timedelta(days=2))
        JobRun.objects.create(name="compact:2", due=NOW)
        JobRun.objects.create(name="compact", due=NOW - timedelta(days=2))
        assert holds.forget_expired(NOW) == 1
        assert set(JobRun.objects.values_list("name", flat=True)) == {"compact", "compact:2"}


# Two processes look at the same moments, and both have seen what is due before either claims it. Their tasks have
# keys of their own, so that nothing but the claim keeps a run single.
RIVAL = """
import os, sys, time
from datetime import datetime, timedelta, UTC
import django
django.setup()
from endpoint_stats.workers import canary, jobs, scheduler
canary.ask = lambda now: [{"asked": f"{now.isoformat()} {os.getpid()}"}]
look = scheduler._due
def look_and_dawdle(now):
    seen = look(now)
    time.sleep(0.05)
    return seen
scheduler._due = look_and_dawdle
jobs._jobs = {"tick": jobs.Job("tick", timedelta(seconds=2), "x.y", "endpoint_stats.workers.canary.ask")}
begin, total = float(sys.argv[1]), 0
for run in range(30):
    time.sleep(max(begin + run * 0.1 - time.time(), 0))
    total += scheduler.step(datetime(2026, 5, 1, tzinfo=UTC) + timedelta(seconds=2 * run))
print(total)
"""


def test_two_schedulers_enqueue_a_run_once(installation: Any) -> None:
    begin = str(time.time() + 4)
    rivals = [installation.start(begin, code=RIVAL) for _ in range(2)]
    done = [finish(process) for process in rivals]
    assert [process.returncode for process in done] == [0, 0], done
    assert sum(int(process.stdout) for process in done) == 30
    assert installation.sql("SELECT count(*) FROM django_q_ormq") == [(30,)]


@pytest.mark.django_db
class TestLoop:
    @pytest.fixture
    def stop_after(self) -> Any:
        class Stop(threading.Event):
            """Is set by its n-th wait, and remembers how long it was to wait."""

            def __init__(self, waits: int) -> None:
                super().__init__()
                self.left, self.pauses = waits, []

            def wait(self, timeout: float | None = None) -> bool:
                self.pauses.append(timeout)
                self.left -= 1
                if self.left <= 0:
                    self.set()
                return self.is_set()

        return Stop

    @pytest.fixture(autouse=True)
    def keep_connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The test's transaction lives in it."""
        monkeypatch.setattr(scheduler, "close_old_connections", lambda: None)
        monkeypatch.setattr(scheduler.connections, "close_all", lambda: None)

    def clock(self) -> Iterator[datetime]:
        now = NOW
        while True:
            yield now
            now += SECOND

    def test_it_beats(self, only_jobs: Any, stop_after: Any) -> None:
        only_jobs()
        ticks = self.clock()
        scheduler.loop(stop_after(12), lambda: next(ticks))
        beat = Beat.objects.get(name="scheduler")
        assert beat.answered == NOW + 10 * SECOND
        assert beat.pid

    def test_no_error_ends_it(
        self, only_jobs: Any, stop_after: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        only_jobs()
        outcomes = iter([OperationalError("gone"), OperationalError("gone"), ValueError("a defect"), 0, 0])

        def step(now: datetime) -> int:
            outcome = next(outcomes)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(scheduler, "step", step)
        ticks, stop = self.clock(), stop_after(5)
        scheduler.loop(stop, lambda: next(ticks))
        assert stop.pauses == [2.0, 4.0, 8.0, 1.0, 1.0]
        assert caplog.text.count("could not do its step") == 3
        assert "a defect" in caplog.text


@pytest.mark.django_db
class TestCanary:
    def test_asked_and_answered(self) -> None:
        assert canary.ask(NOW) == [{"asked": NOW.isoformat()}]
        tasks.answer_canary(asked=NOW.isoformat())
        beat = Beat.objects.get(name="worker")
        assert not canary.waiting(beat)
        assert beat.host
        assert beat.pid

    def test_no_answer_is_overdue_from_the_first_question_on(self) -> None:
        canary.ask(NOW)
        for seconds in (30, 60, 90):
            assert canary.ask(NOW + seconds * SECOND) == [{"asked": NOW.isoformat()}]
        beat = Beat.objects.get(name="worker")
        assert not canary.overdue(beat, NOW + 90 * SECOND)
        assert canary.overdue(beat, NOW + 91 * SECOND)

    def test_any_finished_task_is_a_sign_of_life(self, monkeypatch: pytest.MonkeyPatch) -> None:
        canary.ask(NOW)
        monkeypatch.setattr(canary, "_noted", -1e9)
        canary.after_task({"group": "export:1"})
        assert not canary.overdue(Beat.objects.get(name="worker"), NOW + timedelta(days=1))

    def test_an_answer_that_ran_twice_and_late_says_nothing_wrong(self) -> None:
        canary.ask(NOW)
        for _ in range(2):
            canary.answer(NOW, NOW + 5 * SECOND)
        canary.ask(NOW + 30 * SECOND)
        canary.answer(NOW, NOW + 6 * SECOND)
        assert canary.overdue(Beat.objects.get(name="worker"), NOW + 200 * SECOND)

    @pytest.mark.parametrize(
        ("asked", "answered", "expected"),
        [(None, None, False), (None, NOW, False), (NOW, NOW, False), (NOW, None, True), (NOW, NOW - SECOND, True)],
    )
    def test_overdue(self, asked: datetime | None, answered: datetime | None, expected: bool) -> None:
        assert canary.overdue(Beat(name="worker", asked=asked, answered=answered), NOW + 91 * SECOND) is expected

    def test_never_asked_is_not_overdue(self) -> None:
        assert not canary.overdue(None, NOW)


@pytest.mark.django_db
class TestTasks:
    def test_late_tasks_of_a_deleted_project_leave_nothing(self) -> None:
        assert tasks.prune_project(project_id=999_999) == 0
        assert tasks.compact_project(project_id=999_999) == 0
        assert not ProjectSettings.objects.filter(project_id=999_999).exists()
        assert not StoreState.objects.filter(project_id=999_999).exists()

    def test_every_project_is_pruned(self, make_project: Any) -> None:
        ids = [make_project().pk for _ in range(3)]
        assert [row["project_id"] for row in tasks.projects_to_prune(NOW)] == ids

    def test_a_journal_is_left_to_grow_for_a_moment(self, project: Any) -> None:
        id = UUID(int=first_id_of(NOW).int + next(_numbers))
        Journal.objects.create(project=project, id=id, keys=1, payload=b"")
        found = [bool(tasks.projects_to_compact(NOW + seconds * SECOND)) for seconds in (0, 2, 4)]
        assert found == [False, False, True]

    def test_finding_journals_names_every_project(
        self, make_project: Any, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
    ) -> None:
        monkeypatch.setattr(journal, "PROJECTS_A_QUERY", 2)
        projects = [make_project() for _ in range(5)]
        for project in projects:
            add_journal_row(project)
        with django_assert_num_queries(4) as captured:
            found = tasks.projects_to_compact(NOW)
        assert [row["project_id"] for row in found] == [project.pk for project in projects]
        assert all("project_id" in query["sql"] for query in captured.captured_queries[1:])


@pytest.mark.django_db(databases=["default", "local"])
class TestDoctor:
    @pytest.fixture(autouse=True)
    def cache(self, settings: Any) -> None:
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

    def states(self, now: datetime = NOW) -> dict[str, str]:
        return {finding.name: finding.state for finding in doctor.examine(now)}

    def alive(self) -> None:
        scheduler.beat(NOW)
        canary.ask(NOW)
        canary.answer(NOW, NOW)

    def test_all_is_well(self, project: Any) -> None:
        self.alive()
        assert set(self.states().values()) == {"ok"}
        assert set(self.states()) == set(doctor.CHECKS)

    def test_nothing_runs(self) -> None:
        states = self.states()
        assert (states["scheduler"], states["worker"]) == ("fail", "fail")

    def test_what_stopped(self) -> None:
        self.alive()
        assert self.states(NOW + 61 * SECOND)["scheduler"] == "fail"
        canary.ask(NOW + 30 * SECOND)
        assert self.states(NOW + 60 * SECOND)["worker"] == "ok"
        assert self.states(NOW + 121 * SECOND)["worker"] == "fail"

    @pytest.mark.parametrize(("seconds", "state"), [(0, "ok"), (1, "warn"), (840, "warn"), (841, "fail")])
    def test_a_journal_that_nobody_compacts(self, project: Any, seconds: int, state: str) -> None:
        """Its rows are a minute old at NOW."""
        assert [found.state for found in doctor.journals(NOW)] == ["ok"]
        add_journal_row(project)
        (found,) = doctor.journals(NOW + seconds * SECOND)
        assert found.state == state
        assert project.slug in found.message

    @pytest.mark.parametrize(("free", "state"), [(10**9 * 3, "ok"), (10**9, "warn"), (10**8, "fail")])
    def test_disk(self, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: doctor.shutil._ntuple_diskusage(10**12, 0, free))
        assert doctor.disk_space(NOW)[0].state == state

    def test_a_database_that_is_away_is_one_finding(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def away() -> list[str]:
            raise OperationalError("connection refused")

        monkeypatch.setattr(doctor, "pending", away)
        findings = doctor.examine(NOW)
        assert [finding.name for finding in findings] == ["database", "cache", "disk"]
        assert "DATABASE_URL" in findings[0].message

    def test_the_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            call_command("doctor", "--json")
        assert ended.value.code == 1
        said = json.loads(capsys.readouterr().out)
        assert said["ok"] is False
        assert {tuple(check) for check in said["checks"]} == {("name", "state", "message")}
        call_command("doctor", "--only", "disk")
        assert capsys.readouterr().out.startswith("ok")


@pytest.mark.django_db
class TestOwner:
    def test_the_password_is_shown_once_and_works(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("create_owner", "--email", "Owner@Example.com")
        said = capsys.readouterr().out
        user = User.objects.get(email="owner@example.com")
        assert user.check_password(said.split()[7])
        assert user.is_superuser
        call_command("create_owner", "--email", "owner@example.com")
        call_command("create_owner", "--email", "other@example.com")
        assert capsys.readouterr().out == ""
        assert User.objects.count() == 1
