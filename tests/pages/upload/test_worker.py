"""An upload counts once, whatever becomes of tasks."""

import multiprocessing
import queue
import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from accounts.services import create_project
from endpoint_stats.ids import first_id_of
from endpoint_stats.models import Batch, Beat, Upload
from endpoint_stats.store.compact import compact
from endpoint_stats.workers import canary, scheduler, tasks, uploads
from tests.integration.lines import START, access_log, join, line
from tests.integration.product import check_levels, requests
from tests.pages.upload.conftest import Killed, State, do, kept, part, said, sent, work

pytestmark = pytest.mark.django_db(databases=["default", "local"])


class TestWorker:
    def queued(self, client, count=3000):
        upload = sent(client, join(access_log(count, bad=0)))
        do(client, upload, "import", service="web")
        upload.refresh_from_db()
        return upload

    def test_the_scheduler_hands_it_to_a_worker_with_time_of_its_own(self, client, shop, monkeypatch):
        upload = self.queued(client)
        given = []
        monkeypatch.setattr(scheduler, "async_task", lambda function, **more: given.append((function, more)))
        scheduler.step(timezone.now())
        mine = [more for function, more in given if function.endswith("import_upload")]
        assert len(mine) == 1
        assert mine[0]["upload_id"] == str(upload.id)
        assert mine[0]["q_options"]["timeout"] >= 1800
        assert all("timeout" not in more["q_options"] for function, more in given if "import_upload" not in function)

    def test_the_queue_keeps_to_that_time(self, client, shop):
        """By Django-Q2's own package of the task, and its own handler of time."""
        from django_q.models import OrmQ

        self.queued(client)
        scheduler.step(timezone.now())
        packed = [one.task for one in OrmQ.objects.all() if one.func().endswith("import_upload")]
        assert [one["timeout"] for one in packed] == [3600]

    def test_a_worker_of_the_queue_gives_it_that_time(self, client, shop, monkeypatch):
        """Django-Q2's own loop, one task long, where others have 60 seconds."""
        from django_q import worker
        from django_q.models import OrmQ

        upload = self.queued(client)
        scheduler.step(timezone.now())
        (task,) = [one.task for one in OrmQ.objects.all() if one.func().endswith("import_upload")]
        given, asked, results = [], queue.Queue(), queue.Queue()

        class Handler(worker.TimeoutHandler):
            def __init__(self, seconds):
                given.append(seconds)
                super().__init__(seconds)

        monkeypatch.setattr(worker, "TimeoutHandler", Handler)
        monkeypatch.setattr(worker, "close_old_django_connections", lambda: None)  # this test's
        for one in (dict(task), {name: value for name, value in task.items() if name != "timeout"}, "STOP"):
            asked.put(one)
        worker.worker(asked, results, multiprocessing.Value("f", -1), 60)
        assert given == [3600, 60]
        assert [results.get()["result"] for _ in range(2)] == [State.COMPLETE, ""]
        upload.refresh_from_db()
        assert upload.state == State.COMPLETE

    def test_two_tasks_at_once(self, client, shop):
        upload = self.queued(client)
        first = uploads.claim(upload.id, timezone.now())
        assert first is not None
        assert work(upload) == "", "another has it"
        assert Batch.objects.count() == 0

    def test_a_worker_that_was_killed(self, client, shop, small_pieces, monkeypatch):
        """What it had stored counts once; the next one takes it up when nothing moved for a minute."""
        upload = self.queued(client)
        steps = []

        def killed(pulse, *args):
            steps.append(args)
            if len(steps) == 5:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(uploads.Pulse, "progress", killed)
            with pytest.raises(Killed):
                work(upload)
        # A kill leaves the ledger's line open, where the end of a process would have closed it.
        Batch.objects.update(state="running", finished=None)
        stored = requests(shop)
        assert 0 < stored < 3000
        assert uploads.uploads_to_import(timezone.now()) == []
        assert work(upload) == "", "it may live"
        later = timezone.now() + timedelta(seconds=61)
        assert uploads.uploads_to_import(later) == [{"upload_id": str(upload.id)}]
        Upload.objects.update(heartbeat=timezone.now() - timedelta(seconds=61))
        assert work(upload) == State.COMPLETE
        compact(shop.pk)
        check_levels(shop, 3000)
        dead, alive = Batch.objects.order_by("started", "id")
        assert (dead.state, dead.stored) == ("failed", stored)
        assert (alive.state, alive.stored, alive.duplicate) == ("complete", 3000 - stored, stored)
        assert "A first try was cut short" in said(part(client, upload))

    @pytest.mark.parametrize(("workers", "most"), [(1, 1), (2, 1), (3, 2), (4, 3)])
    def test_a_worker_is_left_to_others(self, client, shop, owner, settings, workers, most):
        """However many wait: one of a project, the oldest first; what is imported now counts."""
        settings.WORKERS = workers
        now, made = timezone.now(), []
        for slug in ("shop", "second", "third", "fourth"):
            project = shop if slug == "shop" else create_project(slug, owner=owner)
            made.append([Upload.objects.create(project=project, state=State.QUEUED, created=now) for _ in range(2)])
        for age, (older, newer) in enumerate(made):
            Upload.objects.filter(id=older.id).update(created=now - timedelta(hours=9 - age))
            Upload.objects.filter(id=newer.id).update(created=now - timedelta(minutes=9 - age))
        Upload.objects.filter(id=made[2][0].id).update(created=now - timedelta(days=1))
        expected = [str(pair[0].id) for pair in (made[2], made[0], made[1], made[3])][:most]
        for _ in range(2):
            assert [found["upload_id"] for found in uploads.uploads_to_import(now)] == expected, "nothing began yet"
        assert uploads.claim(made[2][0].id, now) is not None
        left = [found["upload_id"] for found in uploads.uploads_to_import(now)]
        assert left == expected[1:]
        dead = now + timedelta(seconds=61)
        assert [found["upload_id"] for found in uploads.uploads_to_import(dead)] == expected, "its worker died"
        Upload.objects.filter(id=made[2][0].id).update(state=State.COMPLETE)
        following = [str(one.id) for one in (made[0][0], made[1][0], made[3][0], made[2][1])][:most]
        assert [found["upload_id"] for found in uploads.uploads_to_import(now)] == following

    def test_one_that_stood_still_and_was_overtaken(self, client, shop, small_pieces, monkeypatch):
        """It goes on after another took its upload: it stops at its next step, and all counts once."""
        upload = self.queued(client)
        step = uploads.Pulse.progress
        done = []

        def overtaken(pulse, *args):
            done.append(1)
            if len(done) == 5:
                Upload.objects.update(heartbeat=timezone.now() - timedelta(seconds=61))
                assert work(upload) == State.COMPLETE
            pulse.noted = 0
            step(pulse, *args)

        monkeypatch.setattr(uploads.Pulse, "progress", overtaken)
        assert work(upload) == ""
        upload.refresh_from_db()
        assert upload.state == State.COMPLETE
        compact(shop.pk)
        check_levels(shop, 3000)

    def test_one_that_kills_each_worker(self, client, shop):
        upload = self.queued(client)
        for _ in range(3):
            assert uploads.claim(upload.id, timezone.now()) is not None
            Upload.objects.update(heartbeat=timezone.now() - timedelta(seconds=61))
        assert work(upload) == State.FAILED
        assert "died 3 times" in said(part(client, upload))
        assert uploads.uploads_to_import(timezone.now() + timedelta(days=1)) == []

    def test_longer_than_it_may_take(self, client, shop, small_pieces, monkeypatch):
        """Django-Q2 raises SystemExit in it: the ledger must not call that complete."""
        from django_q.timeout import TimeoutException

        def late(*args):
            raise TimeoutException("too long")

        upload = self.queued(client)
        monkeypatch.setattr(uploads.Pulse, "progress", late)
        with pytest.raises(TimeoutException):
            work(upload)
        assert "took longer than it may" in said(part(client, upload))
        batch = Batch.objects.get()
        assert (batch.state, batch.message[:8]) == ("failed", "Stopped.")

    def test_discarded_while_it_is_imported(self, client, shop, small_pieces, monkeypatch, folder):
        upload = self.queued(client)
        step = uploads.Pulse.progress
        done = []

        def stopped(pulse, *args):
            done.append(1)
            if len(done) == 3:
                do(client, upload, "discard")
            pulse.noted = 0
            step(pulse, *args)

        monkeypatch.setattr(uploads.Pulse, "progress", stopped)
        assert work(upload) == ""
        upload.refresh_from_db()
        assert (upload.state, kept(folder)) == (State.DISCARDED, [])
        assert 0 < requests(shop) < 3000
        assert Batch.objects.get().state == "failed"

    def test_what_outlived_its_project_is_taken_away(self, client, shop, small_pieces, monkeypatch):
        upload = self.queued(client)
        step = uploads.Pulse.progress
        done = []

        def gone(pulse, *args):
            done.append(1)
            if len(done) == 3:
                Upload.objects.all().delete()
                project = type(shop).objects.get(pk=shop.pk)
                project.delete()
            pulse.noted = 0
            step(pulse, *args)

        monkeypatch.setattr(uploads.Pulse, "progress", gone)
        assert work(upload) == ""
        from endpoint_stats.models import Journal, Place

        assert (Journal.objects.count(), Place.objects.count(), Batch.objects.count()) == (0, 0, 0)

    def test_how_far_it_is_is_written_twice_a_second_at_most(self, client, shop, django_assert_num_queries):
        upload = uploads.claim(self.queued(client).id, timezone.now())
        now = [100.0]
        pulse = uploads.Pulse(upload, clock=lambda: now[0])
        for at in range(20):
            now[0] = 100 + at / 10
            with django_assert_num_queries(1 if at in (5, 10, 15) else 0):
                pulse.progress(at, 100, None)
        upload.refresh_from_db()
        assert (upload.progress, upload.percent) == (15, 15)

    def test_a_long_import_is_a_sign_of_life(self, client, shop):
        """Else the supervisor would restart a worker that is busy."""
        canary.ask(timezone.now())
        upload = uploads.claim(self.queued(client).id, timezone.now())
        now = [0.0]
        pulse = uploads.Pulse(upload, clock=lambda: now[0])
        now[0] = 11.0
        pulse.progress(1, 2, None)
        assert Beat.objects.get(name="worker").answered is not None

    def test_files_go_after_a_day_whatever_became_of_them(self, client, shop, folder):
        old, new = sent(client, line(START, "/a")), sent(client, line(START, "/b"))
        left = first_id_of(timezone.now() - timedelta(hours=25))
        aged = first_id_of(timezone.now() - timedelta(hours=24, minutes=1))
        for path, name in ((folder / str(old.id), str(aged)), (folder / "none", str(left))):
            (path if path.exists() else folder / str(new.id)).with_name(name).write_bytes(b"x")
        (folder / str(old.id)).unlink()
        (folder / "notes.txt").write_text("not ours")
        Upload.objects.filter(id=old.id).update(created=timezone.now() - timedelta(hours=25))
        tasks.tidy()
        assert sorted(kept(folder)) == sorted([str(new.id), "notes.txt"])
        old.refresh_from_db()
        new.refresh_from_db()
        assert (old.state, new.state) == (State.DISCARDED, State.PREVIEWED)
        Upload.objects.update(created=timezone.now() - timedelta(days=31))
        tasks.tidy()
        assert Upload.objects.count() == 0


@pytest.mark.django_db(databases=["default", "local"], transaction=True)
def test_two_workers_at_the_same_moment(owner, client, small_pieces):
    """Threads that claim one upload at once: one imports it."""
    shop = create_project("shop", owner=owner)
    upload = sent(client, join(access_log(2000, bad=0)))
    do(client, upload, "import")
    gate, ended = threading.Barrier(2), []

    def worker():
        gate.wait()
        try:
            ended.append(work(upload))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["", State.COMPLETE]
    assert requests(shop) == 2000
    assert Batch.objects.count() == 1
