"""A log by the page: what is kept of it, what is said of it, and that it counts once whatever becomes of tasks."""

import bz2
import gzip
import multiprocessing
import queue
import re
import threading
from datetime import timedelta
from functools import partial
from html import unescape
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import zstandard
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Role, User
from accounts.services import create_project
from endpoint_stats.ids import first_id_of
from endpoint_stats.ingest import importer
from endpoint_stats.ingest.uploads import files, preview, records
from endpoint_stats.models import Batch, Beat, Upload
from endpoint_stats.store.compact import compact
from endpoint_stats.workers import canary, scheduler, tasks, uploads
from tests.integration.lines import START, access_log, join, line
from tests.integration.product import check_levels, import_file, requests

pytestmark = pytest.mark.django_db(databases=["default", "local"])
LOGS = sorted((Path(__file__).parents[1] / "testdata" / "logs").iterdir())
State = Upload.State


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    """A storage of its own for each test."""
    there = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path / "up")}}
    settings.STORAGES = {**settings.STORAGES, "uploads": there}
    return tmp_path / "up"


@pytest.fixture
def shop(owner):
    return create_project("shop", owner=owner, time_zone="Europe/Vienna")


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(importer, "PIECE", 1 << 14)


class Elsewhere(Storage):
    """As S3 is: what lies there has no path on this host."""

    def __init__(self):
        self.held = {}

    def _save(self, name, content):
        self.held[name] = content.read()
        return name

    def _open(self, name, mode):
        return ContentFile(self.held[name])

    def exists(self, name):
        return name in self.held

    def delete(self, name):
        self.held.pop(name, None)

    def listdir(self, path):
        return [], list(self.held)


class Killed(BaseException):
    """What nothing catches."""


def send(client, data, name="access.log", slug="shop", **headers):
    return client.post(f"/projects/{slug}/upload/", {"log": SimpleUploadedFile(name, data)}, headers=headers)


def sent(client, data, name="access.log"):
    response = send(client, data, name)
    assert response.status_code == 302, said(response)
    return Upload.objects.get(id=response["Location"].split("/")[-2])


def do(client, upload, what, **fields):
    return client.post(f"/projects/shop/upload/{upload.id}/", {"do": what, **fields})


def said(response):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def part(client, upload, query=""):
    return client.get(f"/projects/shop/upload/{upload.id}/progress/{query}")


def work(upload):
    return uploads.import_upload(upload_id=str(upload.id))


def imported(client, data, name="access.log"):
    upload = sent(client, data, name)
    do(client, upload, "import", service="web")
    assert work(upload) == State.COMPLETE, Upload.objects.get(id=upload.id).error
    upload.refresh_from_db()
    return upload


def kept(folder):
    return [path.name for path in folder.iterdir()] if folder.exists() else []


class TestImport:
    @pytest.mark.parametrize("log", LOGS, ids=lambda path: path.name)
    def test_as_the_command_imports_it(self, client, shop, folder, log):
        expected = import_file(create_project("other"), log, service="web")
        chosen = {}
        if not expected.format:  # few of its lines are whole: somebody must say what they are
            chosen = {"format": log.stem}
            expected = import_file(create_project("named"), log, service="web", **chosen)
        upload = sent(client, log.read_bytes(), log.name)
        assert upload.state == State.PREVIEWED
        assert requests(shop) == 0, "nothing is stored before somebody says so"
        assert kept(folder) == [str(upload.id)]
        do(client, upload, "import", service="web", **chosen)
        work(upload)
        upload.refresh_from_db()
        batch = Batch.objects.get(project=shop)
        assert (batch.name, batch.service, batch.id) == (log.name, "web", upload.batch)
        assert (batch.format, batch.read, batch.stored, batch.rejected) == (
            expected.format, expected.read, expected.stored, expected.rejected
        )  # fmt: skip
        assert (upload.state, kept(folder)) == (State.COMPLETE, [])
        assert f"{expected.read:,} lines of {log.name} : {expected.stored:,} stored" in said(part(client, upload))

    @pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zstandard.compress])
    def test_compressed(self, client, shop, pack):
        upload = imported(client, pack(join(access_log(500, bad=0))))
        assert requests(shop) == Batch.objects.get(id=upload.batch).stored == 500

    def test_a_storage_that_is_no_folder(self, client, shop, monkeypatch):
        there = Elsewhere()
        monkeypatch.setattr(files, "storage", lambda: there)
        upload = imported(client, join(access_log(200, bad=0)))
        assert requests(shop) == 200
        assert files.kept() == []
        assert upload.state == State.COMPLETE

    def test_again_changes_nothing(self, client, shop):
        data = join(access_log(300))
        imported(client, data)
        before = requests(shop)
        upload = imported(client, data)
        assert requests(shop) == before > 290
        assert "0 stored, 300 duplicate" in said(part(client, upload))

    def test_the_outcome_leads_to_its_time_and_its_line(self, client, shop):
        upload = imported(client, join([line(START, "/a"), line(START + timedelta(hours=2), "/b")]) + b"nonsense\n")
        page = client.get(f"/projects/shop/upload/{upload.id}/").content.decode()
        assert "from=2025-11-13T22:17Z&amp;to=2025-11-14T00:18Z" in page
        assert f"/projects/shop/ledger/#b{upload.batch}" in page
        assert "1 × format_mismatch : The line does not have the shape" in said(part(client, upload))
        assert 'hx-trigger="every' not in page

    def test_what_is_no_longer_there(self, client, shop, folder):
        upload = sent(client, line(START, "/a"))
        do(client, upload, "import")
        (folder / str(upload.id)).unlink()
        assert work(upload) == State.FAILED
        assert "Send it again" in said(part(client, upload))

    def test_a_wrong_format_is_said_so_and_mended(self, client, shop, folder):
        upload = sent(client, join([line(START, f"/{at}") for at in range(5)]))
        Upload.objects.filter(id=upload.id).update(state=State.QUEUED, format="caddy")
        assert work(upload) == State.FAILED
        assert "None of its 5 lines could be stored" in said(part(client, upload))
        assert "--" not in Upload.objects.get(id=upload.id).error, "no options of a command"
        do(client, upload, "import", format="combined", service="")
        assert work(upload) == State.COMPLETE
        assert requests(shop) == 5

    def test_nothing_of_an_archived_project(self, client, shop):
        upload = sent(client, line(START, "/a"))
        do(client, upload, "import")
        shop.archived = timezone.now()
        shop.save()
        assert work(upload) == State.FAILED
        assert requests(shop) == 0
        assert send(client, line(START, "/a")).status_code == 409


class TestPreview:
    def test_what_the_lines_become(self, client, shop):
        data = (
            b'192.0.2.1 - - [13/Nov/2025:22:17:05 +0000] "GET /orders/8123?token=hunter2 HTTP/1.1" 200 5 "-" "curl/8"\n'
            b"password=hunter2 no line of a log\n"
            b'192.0.2.1 - - [13/Nov/2025:22:17:09 +0000] "POST /app.js HTTP/1.1" 404 5 "-" "curl/8"\n'
        )
        upload = sent(client, data)
        text = said(client.get(f"/projects/shop/upload/{upload.id}/"))
        assert "access.log is a log in the format combined , 3 lines." in text
        assert "2 of the first 3 lines are requests" in text
        assert "1 13 Nov 2025 23:17 GET /orders/8123 /orders/{id} 200 –" in text
        assert "2 rejected: format_mismatch" in text
        assert "POST /app.js {static} 404" in text
        assert "hunter2" not in text
        assert "192.0.2.1" not in text

    def test_a_format_that_nobody_knows_is_named_or_described(self, client, shop):
        upload = sent(
            client, b"".join(b'2025-11-13T22:17:05+00:00|"GET /x/%d HTTP/1.1"|200\n' % at for at in range(20))
        )
        text = said(client.get(f"/projects/shop/upload/{upload.id}/"))
        assert "No known format reads these lines." in text
        assert '|"GET /x/0 HTTP/1.1"|200' in text
        assert ">Import<" not in client.get(f"/projects/shop/upload/{upload.id}/").content.decode()
        do(client, upload, "import")
        upload.refresh_from_db()
        assert upload.state == State.PREVIEWED, "without a format nothing is imported"
        response = do(client, upload, "preview", log_format='$time_iso8601|"$request"|$status', service="mine")
        text = said(client.get(response["Location"]))
        assert "is read by your log_format string" in text, text
        assert "GET /x/0 /x/{id} 200" in text
        do(client, upload, "import", service="mine")
        assert work(upload) == State.COMPLETE
        assert requests(shop) == 20

    def test_a_format_string_that_is_none(self, client, shop):
        upload = sent(client, join([line(START, "/a")]))
        response = do(client, upload, "preview", log_format="$no_such | thing")
        upload.refresh_from_db()
        assert upload.format == ""
        assert 'class="problem"' in client.get(response["Location"]).content.decode()

    def test_how_much_there_is_of_a_large_one(self, client, shop):
        lines = access_log(30_000, bad=0)
        upload = sent(client, join(lines))
        found = upload.preview
        assert not found["exact"]
        assert abs(found["lines"] - 30_000) < 600
        assert found["first"].startswith("2025-11-13T22:17")
        last = re.search(rb"\[([^\]]+)\]", lines[-1])[1].decode()
        text = said(client.get(f"/projects/shop/upload/{upload.id}/"))
        assert "about 29," in text or "about 30," in text
        assert found["last"][11:19] == last[12:20]

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            (b"", "is empty"),
            (b"\n \n", "is empty"),
            (b"PK\x03\x04\0\0\0\0" * 9, "is binary, not a log"),
            (gzip.compress(b"", mtime=0)[:-4], "is damaged"),
            (zstandard.compress(b"x" * 99_999)[:-9], "is damaged"),
        ],
    )
    def test_what_could_never_be_imported(self, client, shop, folder, data, why):
        response = send(client, data, "hm.log")
        assert response.status_code == 422
        assert why in said(response)
        assert (kept(folder), Upload.objects.count()) == ([], 0)

    def test_no_file_at_all(self, client, shop):
        response = client.post("/projects/shop/upload/", {})
        assert response.status_code == 422
        assert "Choose the file of a log to send." in said(response)


class TestBounds:
    @pytest.mark.parametrize("more", [1, 3 << 20])
    def test_too_large(self, client, shop, folder, settings, more):
        """Whether the announced length says so, or the form around the file hides it."""
        settings.UPLOAD_MAX_BYTES = 10_000
        assert send(client, join(access_log(10)) + b"x" * (10_000 + more)).status_code == 413
        response = send(client, b"x" * (10_000 + more))
        assert "larger than 10.0 kB, and nothing of it was kept" in said(response)
        assert "manage.py import_log FILE --project shop" in said(response)
        assert (kept(folder), Upload.objects.count()) == ([], 0)
        data = join(access_log(100))[:10_000]
        assert send(client, data).status_code == 302, "as large as may be"

    def test_it_stops_where_the_limit_is(self):
        handler = files.BoundedUpload(100)
        handler.new_file("log", "a.log", "text/plain", 10**9)
        handler.receive_data_chunk(b"x" * 100, 0)
        file = handler.taken
        with pytest.raises(files.StopUpload):
            handler.receive_data_chunk(b"x", 100)
        assert handler.too_large
        assert file.closed

    def test_a_disk_that_is_full(self, client, shop, monkeypatch):
        class Full:
            def write(self, data):
                raise OSError(28, "No space left on device")

            def close(self):
                pass

        monkeypatch.setattr(files, "temporary", Full)
        response = send(client, line(START, "/a"))
        assert response.status_code == 507
        assert "No space left on device" in said(response)

    @pytest.mark.parametrize("size", [100, 100_000])
    def test_a_disk_that_is_full_when_it_is_written_to(self, client, shop, monkeypatch, size):
        """What is small is written when it has all come."""
        monkeypatch.setattr(files, "temporary", partial(Path("/dev/full").open, "r+b"))
        response = send(client, b"x" * size)
        assert response.status_code == 507
        assert "No space left on device" in said(response)

    def test_a_disk_that_makes_no_file(self, client, shop, folder, settings, tmp_path):
        settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "gone")
        response = send(client, line(START, "/a"))
        assert response.status_code == 507
        assert "could not keep the file (No such file or directory). Nothing of it was kept." in said(response)
        assert (kept(folder), Upload.objects.count()) == ([], 0)

    def test_of_two_files_the_first(self, client, shop, folder):
        first, second = (SimpleUploadedFile(f"{name}.log", line(START, f"/{name}")) for name in "ab")
        response = client.post("/projects/shop/upload/", {"log": [first, second]})
        assert response.status_code == 302
        assert "Only a.log was taken: one log is sent at a time." in said(client.get(response["Location"]))
        upload = Upload.objects.get()
        assert (upload.name, kept(folder)) == ("a.log", [str(upload.id)])
        assert (folder / str(upload.id)).read_bytes() == line(START, "/a")

    def test_a_second_file_that_is_cut_short(self, client, shop, folder):
        head = b'--x\r\nContent-Disposition: form-data; name="log"; filename="%s.log"\r\n\r\n'
        body = head % b"a" + line(START, "/a") + b"\r\n" + head % b"b" + b"cut"
        response = client.post("/projects/shop/upload/", body, content_type="multipart/form-data; boundary=x")
        assert response.status_code == 302
        assert Upload.objects.get().name == "a.log"

    @pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zstandard.compress])
    @pytest.mark.parametrize("end", [b"\n" * 40_000_000, b"x" * 40_000_000], ids=["lines", "one line"])
    def test_a_bomb(self, client, shop, settings, pack, end):
        """Forty megabytes of nothing in some kilobytes: the good lines before it count, the rest is not read."""
        settings.UPLOAD_MAX_UNPACKED_BYTES = 1_200_000
        good = join([line(START, f"/{at}") for at in range(10_000)])
        upload = sent(client, pack(good + end))
        assert upload.size < 1_000_000
        do(client, upload, "import")
        assert work(upload) == State.FAILED
        upload.refresh_from_db()
        assert "unpacks to more than 1,200,000 bytes" in upload.error
        assert requests(shop) == 10_000
        assert Batch.objects.get(id=upload.batch).read < 1_200_000

    def test_five_that_are_not_finished(self, client, shop):
        made = [sent(client, line(START, f"/{at}")) for at in range(5)]
        refused = send(client, line(START, "/more"))
        assert refused.status_code == 409
        assert "5 uploads of this project are not finished" in said(refused)
        create_project("another", owner=User.objects.get())
        assert send(client, line(START, "/more"), slug="another").status_code == 302, "of one project"
        do(client, made[0], "discard")
        assert send(client, line(START, "/more")).status_code == 302

    def test_five_also_where_two_come_at_once(self, client, shop, owner, monkeypatch, tmp_path):
        """Both were told that there is room, before either was there."""
        for at in range(4):
            sent(client, line(START, f"/{at}"))
        log = tmp_path / "log"
        log.write_bytes(line(START, "/x"))
        records.check_room(shop)
        with log.open("rb") as file:
            records.receive(shop, owner, file, 9, "a", "", timezone.now())
            with pytest.raises(records.TooMany):
                records.receive(shop, owner, file, 9, "b", "", timezone.now())
        assert Upload.objects.filter(project=shop).count() == len(files.kept()) == 5

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\logs\\access.log", "access.log"),
            ("<img src=x onerror=alert(1)>.log", "<img src=x onerror=alert(1)>.log"),
            ("evil\u202egol.exe", None),
            ("x" * 400 + ".log", None),
            ("-", "-"),
            ("--dry-run", "--dry-run"),
            ("a\nb.log", None),
            ("%s%n{0}.log", "%s%n{0}.log"),
        ],
    )
    def test_hostile_names(self, client, shop, folder, name, shown):
        upload = sent(client, line(START, "/a"), name)
        assert [UUID(one) for one in kept(folder)] == [upload.id]
        assert len(upload.name) <= 255
        assert upload.name.isprintable()
        assert shown is None or upload.name == shown
        raw = client.get(f"/projects/shop/upload/{upload.id}/").content.decode()
        assert "<img" not in raw
        do(client, upload, "import")
        assert work(upload) == State.COMPLETE
        assert Batch.objects.get().name == upload.name

    @pytest.mark.parametrize("name", ["a/b", "\0", "‮", "\ud800", "", "\x1b[31m", "a\u2028b", "é" * 300])
    def test_any_name_is_a_line(self, name):
        shown = files.clean_name(name)
        assert shown
        assert shown.isprintable()
        assert "/" not in shown
        assert len(shown.encode()) <= 4 * 255

    @pytest.mark.parametrize("service", ["x" * 201, "a\nb"])
    def test_names_of_services(self, client, shop, service):
        upload = sent(client, line(START, "/a"))
        assert do(client, upload, "import", service=service).status_code == 422
        upload.refresh_from_db()
        assert upload.state == State.PREVIEWED


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


class TestProgress:
    def test_it_is_said_once_and_ends(self, client, shop):
        upload = sent(client, join(access_log(50, bad=0)))
        do(client, upload, "import")
        page = client.get(f"/projects/shop/upload/{upload.id}/").content.decode()
        assert 'hx-trigger="every 1s"' in page
        assert 'aria-live="polite"' in page
        seen = re.search(r"progress/(\?seen=[^&]*)", page)[1]
        assert part(client, upload, seen).status_code == 204
        Upload.objects.update(state=State.IMPORTING, progress=40, total=100)
        response = part(client, upload, seen)
        assert "Importing access.log : 40 % of 100 B." in said(response)
        assert 'value="40"' in response.content.decode()
        Upload.objects.update(state=State.QUEUED)
        work(upload)
        done = part(client, upload, seen)
        assert "every 1s" not in done.content.decode()
        assert "50 stored" in said(done)

    def test_where_nobody_works(self, client, shop):
        upload = sent(client, line(START, "/a"))
        do(client, upload, "import")
        assert 'aria-live="off"' not in part(client, upload).content.decode(), "it is read out"
        assert "start manage.py up" in said(part(client, upload))
        now = timezone.now()
        scheduler.beat(now)
        canary.ask(now)
        canary.answer(now, now)
        assert "Nobody works" not in said(part(client, upload))

    def test_only_what_became_of_it_is_read_out(self, client, shop, folder):
        """All of it stands in one live region: what moves in it is silent, and nothing is said twice by an alert."""
        scheduler.beat(timezone.now())
        canary.ask(timezone.now())
        canary.answer(timezone.now(), timezone.now())
        upload = sent(client, line(START, "/a"))
        do(client, upload, "import")
        Upload.objects.update(state=State.IMPORTING, progress=40, total=100)
        moving = part(client, upload).content.decode()
        assert moving.count("aria-live") == moving.count('aria-live="off"') == 1
        Upload.objects.update(state=State.QUEUED)
        (folder / str(upload.id)).unlink()
        assert work(upload) == State.FAILED
        failed = client.get(f"/projects/shop/upload/{upload.id}/").content.decode()
        outcome = failed[
            failed.index('<div aria-live="polite" class="narrow"') : failed.index('<form class="form narrow"')
        ]
        assert "Send it again" in outcome
        assert outcome.count("aria-live") == 1 and 'role="alert"' not in outcome


class TestWho:
    def member(self, project, role):
        user = User.objects.create_user(f"{role}@example.org", "a long password")
        Membership.objects.create(project=project, user=user, role=role)
        found = Client()
        found.force_login(user)
        return found

    def test_editors_send_and_viewers_do_not(self, client, shop, folder):
        assert send(self.member(shop, Role.EDITOR), line(START, "/a")).status_code == 302
        viewer = self.member(shop, Role.VIEWER)
        assert send(viewer, line(START, "/a")).status_code == 403
        upload = Upload.objects.get()
        assert viewer.get(f"/projects/shop/upload/{upload.id}/").status_code == 403
        assert do(viewer, upload, "discard").status_code == 403
        assert len(kept(folder)) == 1
        assert "Upload a log" not in said(viewer.get("/projects/shop/ledger/"))
        assert "Upload a log" in said(client.get("/projects/shop/ledger/"))

    def test_a_foreign_upload_is_as_a_missing_one(self, client, shop, owner):
        other = create_project("other")
        create_project("mine", owner=owner)
        stranger = self.member(other, Role.OWNER)
        upload = sent(client, line(START, "/a"))
        for asking, slug in ((stranger, "shop"), (stranger, "other"), (client, "mine")):
            for path in ("", "progress/"):
                foreign = asking.get(f"/projects/{slug}/upload/{upload.id}/{path}")
                missing = asking.get(f"/projects/{slug}/upload/{uuid4()}/{path}")
                assert foreign.status_code == missing.status_code == 404
                assert said(foreign) == said(missing)
        assert asking.post(f"/projects/mine/upload/{upload.id}/", {"do": "discard"}).status_code == 404
        upload.refresh_from_db()
        assert upload.state == State.PREVIEWED

    def test_a_form_of_another_site(self, shop, owner, folder):
        """The token stands in the form, which is read by our own handler: it is asked for all the same."""
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(owner)
        assert send(strict, line(START, "/a")).status_code == 403
        assert send(strict, line(START, "/a"), Origin="https://evil.example").status_code == 403
        assert (kept(folder), Upload.objects.count()) == ([], 0)
        page = strict.get("/projects/shop/upload/").content.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
        log = SimpleUploadedFile("a.log", line(START, "/a"))
        assert strict.post("/projects/shop/upload/", {"csrfmiddlewaretoken": token, "log": log}).status_code == 302

    def test_the_empty_overview_says_what_failed_and_keeps_its_doors(self, client, shop):
        upload = sent(client, line(START, "/a"))
        do(client, upload, "import")
        assert "waits for a worker" in said(client.get("/projects/shop/"))
        Upload.objects.update(state=State.FAILED, error="It broke.")
        page = client.get("/projects/shop/")
        assert "was not imported to its end. It broke." in said(page)
        assert f"/projects/shop/upload/{upload.id}/" in page.content.decode()
        assert "Drop a log here" in said(page)

    def test_the_empty_overview_has_it(self, client, shop):
        page = client.get("/projects/shop/").content.decode()
        assert "data-upload" in page
        assert "js/upload.js" in page


def test_reading_the_head_of_a_bomb_takes_little(tmp_path):
    """A kilobyte of zstd can stand for megabytes: what is looked at is bounded."""
    path = tmp_path / "bomb"
    path.write_bytes(zstandard.compress(line(START, "/a") * 2_000_000))
    from endpoint_stats.routes.rules import RouteRules

    with path.open("rb") as file:
        wish = preview.Wish("auto", "", RouteRules(), timezone.now())
        seen = preview.look(file, path.stat().st_size, "bomb", wish)
    assert seen.format == "combined"
    assert seen.tried * len(line(START, "/a")) <= preview.MOST


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
